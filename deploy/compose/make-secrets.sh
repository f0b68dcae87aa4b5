#!/usr/bin/env bash
# Makes the secrets of deploy/compose.yaml, where they are missing: what services prove to each other, what tokens of clients are
# checked with, and with what a product's backend asks. With tls.crt and tls.key in deploy/compose/tls the services may read these
# as well. Prints nothing secret.
#
#   deploy/compose/make-secrets.sh
#
# A new one of a kind: remove the old file first. Exit status: 0 done; 1 something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=make-secrets.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib.sh"

case ${1:-} in
  '') ;;
  --help | -h) usage_text && exit 0 ;;
  *) usage_error "there is no option $1" ;;
esac
readonly DIR=$ROOT/deploy/compose/secrets
mkdir -p -- "$DIR"
if [[ ! -e $DIR/cluster.key ]]; then openssl rand -hex 32 >"$DIR/cluster.key"; fi
if [[ ! -e $DIR/tokens.keys ]]; then printf 'compose-1 HS256 %s sign\n' "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d =)" >"$DIR/tokens.keys"; fi
if [[ ! -e $DIR/api.keys ]]; then printf 'compose-1 %s\n' "$(openssl rand -hex 32)" >"$DIR/api.keys"; fi
readonly TLS=$ROOT/deploy/compose/tls
KEYS=("$DIR/cluster.key" "$DIR/tokens.keys" "$DIR/api.keys")
if [[ -e $TLS/tls.key ]]; then KEYS+=("$TLS/tls.key"); fi
if [[ -e $TLS/tls.crt ]]; then chmod 0755 -- "$TLS" && chmod 0444 -- "$TLS/tls.crt"; fi
# Services run as user and group 10001 and refuse secrets that everybody may read. So that group may, and nobody else has to; without
# root, podman changes it in its own name space of users.
chmod 0440 -- "${KEYS[@]}"
{ chgrp 10001 -- "${KEYS[@]}" || podman unshare chgrp 10001 -- "${KEYS[@]}"; } 2>/dev/null ||
  die "the services could not read the secrets. Type: sudo chgrp 10001$(printf ' %q' "${KEYS[@]}")"
say "The secrets are in $DIR"
