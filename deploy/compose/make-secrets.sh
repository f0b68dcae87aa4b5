#!/usr/bin/env bash
# Makes the two secrets of deploy/compose.yaml, where they are missing: what services prove to each other, and what tokens of
# clients are checked with. Prints nothing secret.
#
#   deploy/compose/make-secrets.sh

set -euo pipefail
DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)/secrets
readonly DIR
mkdir -p -- "$DIR"
if [[ ! -e $DIR/cluster.key ]]; then openssl rand -hex 32 >"$DIR/cluster.key"; fi
if [[ ! -e $DIR/tokens.keys ]]; then printf 'compose-1 HS256 %s sign\n' "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d =)" >"$DIR/tokens.keys"; fi
# Services run as user 10001 and nobody else has to read them.
chmod 0440 -- "$DIR/cluster.key" "$DIR/tokens.keys"
chgrp 10001 -- "$DIR/cluster.key" "$DIR/tokens.keys" 2>/dev/null || chmod 0444 -- "$DIR/cluster.key" "$DIR/tokens.keys"
printf 'The secrets are in %s\n' "$DIR"
