#!/usr/bin/env bash
# Makes the certificates of a cluster on one machine, with an authority of its own. What is there already stays.
#
#   deploy/certificates.sh [options]
#
#   --home DIR         where the cluster is kept; default $FANTAIL_HOME, else .fantail in the checkout
#   --name NAME        another host name or address that clients use; may be given again. localhost, 127.0.0.1
#                      and the name of this machine are always there
#   --peers            also a certificate for each node of DIR/cluster.conf, for "tls peers=on", of a second authority
#   --renew            make certificates anew, with the authorities that are there; services take them without a restart
#
# Makes DIR/secrets/ca.crt, which clients believe (--ca), and tls.crt and tls.key; with --peers ca.crt, NODE.crt and NODE.key
# in DIR/secrets/peers. Keys are readable for this user only; ca.crt is no secret: copy it to whoever is to trust it.
# Certificates hold for 397 days, authorities for ten years.
# Exit status: 0 done; 1 something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=certificates.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly LEAF_DAYS=397 AUTHORITY_DAYS=3650

main() {
  local home='' renew='' peers='' names=("localhost" "127.0.0.1" "$(hostname 2>/dev/null || printf localhost)") name
  while (($# > 0)); do
    case $1 in
      --home) home=$(option_value "$@") && shift ;;
      --name) names+=("$(option_value "$@")") && shift ;;
      --peers) peers=1 ;;
      --renew) renew=1 ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  set_home "$home"
  umask 077
  mkdir -p -- "$HOME_DIR/secrets" "$LOG_DIR"
  command -v openssl >/dev/null || install_packages "$LOG_DIR/install.log" openssl

  local secrets=$HOME_DIR/secrets
  make_authority "$secrets" 'Fantail, clients'
  make_certificate "$secrets" "$secrets/tls" "$renew" "${names[@]}"
  [[ -n $peers ]] || return 0
  [[ -e $CLUSTER_FILE ]] || die "there is no $CLUSTER_FILE, which names the nodes"
  mkdir -p -- "$secrets/peers"
  make_authority "$secrets/peers" 'Fantail, services'
  while read -r name; do
    make_certificate "$secrets/peers" "$secrets/peers/$name" "$renew" "$name"
  done < <(awk '$1 ~ /^(gateway|parser|session|group|last-seen|persistence|media|api)$/ { print $2 }' "$CLUSTER_FILE")
}

# make_authority DIR NAME: DIR/ca.crt and DIR/ca.key, once.
make_authority() {
  [[ ! -e $1/ca.crt ]] || return 0
  request "$1/ca" "$AUTHORITY_DAYS" "/CN=$2" 'basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash'
  # It is no secret: whoever connects is to trust it.
  chmod 0644 -- "$1/ca.crt"
}

# make_certificate DIR-OF-AUTHORITY PATH RENEW NAME...: PATH.crt and PATH.key, where they are missing or RENEW is not empty.
make_certificate() {
  [[ ! -e $2.crt || -n $3 ]] || return 0
  local name alternatives=
  for name in "${@:4}"; do
    if [[ $name =~ ^[0-9.]+$ ]]; then alternatives+=", IP:$name"; else alternatives+=", DNS:$name"; fi
  done
  request "$2" "$LEAF_DAYS" "/CN=$4" "basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = ${alternatives#, }
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid" -CA "$1/ca.crt" -CAkey "$1/ca.key"
}

# request PATH DAYS SUBJECT EXTENSIONS OPTION...: a P-256 key and its certificate. Both are whole before they are seen, the key first:
# between the two renames a service that looks finds that they do not match, says so, and looks again.
request() {
  local log=$LOG_DIR/certificates.log
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days "$2" -subj "$3" "${@:5}" \
    -config <(printf '[req]\ndistinguished_name = name\nx509_extensions = made\n[name]\n[made]\n%s\n' "$4") \
    -keyout "$1.key.new" -out "$1.crt.new" >"$log" 2>&1 || {
    indented "$log" "$SHOWN_LINES" >&2
    die "openssl could not make $1.crt"
  }
  mv -f -- "$1.key.new" "$1.key"
  mv -f -- "$1.crt.new" "$1.crt"
  say "made $1.crt"
}

main "$@"
