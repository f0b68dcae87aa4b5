#!/usr/bin/env bash
# Builds Fantail and runs a whole cluster on this machine.
#
#   deploy/run.sh [options]
#
#   --gateways N       how many of each: default 2 gateways, 2 parsers, 3 sessions,
#   --parsers N        2 groups, 2 last-seens, 1 persistence, 1 media, no api
#   --sessions N
#   --groups N
#   --last-seens N
#   --persistences N
#   --medias N
#   --apis N           the door of a product's backend (docs/api.md)
#   --postgres         keep messages in a PostgreSQL server that runs with the cluster, its files in DIR/postgres; default: SQLite
#   --archive          keep messages for ever; default: until they are delivered
#   --tls              gateways, media and api speak TLS, with a certificate of an authority that is made here once
#   --port-base N      the first gateway listens on N + 1080; default 7000
#   --home DIR         where everything is kept; default $FANTAIL_HOME, else .fantail in the checkout
#   --detach           return when everything is ready; deploy/stop.sh stops it
#   --no-build         run what was built before
#   --debug            build and run without optimisation
#
# Counts, --postgres, --archive, --tls and --port-base matter when the cluster is made, which is when DIR/cluster.conf is missing.
# Exit status: 0 stopped as asked (with --detach: everything is ready); 1 something is in the way, and a sentence
# says what to do; 64 a wrong option.

set -euo pipefail
SCRIPT=run.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly PRODUCTS=(gateway parser session group last-seen persistence media api fantail)

main() {
  read_arguments "$@"
  refuse_second_start
  if [[ -n $BUILD ]]; then
    require_swift
    mkdir -p -- "$LOG_DIR"
    require_libraries "$LOG_DIR/install.log"
    build
  fi
  require_binaries
  make_cluster
  load_nodes
  sweep
  require_free_ports
  launch
}

read_arguments() {
  local home=
  INIT_OPTIONS=() TLS='' DETACH='' POSTGRES='' BUILD=1 CONFIGURATION=release
  while (($# > 0)); do
    case $1 in
      --gateways | --parsers | --sessions | --groups | --last-seens | --persistences | --port-base)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "$1 needs a number"
        INIT_OPTIONS+=("$1" "$2")
        shift
        ;;
      --medias | --apis)
        [[ ${2:-} =~ ^[0-9]{1,2}$ ]] || usage_error "$1 needs a number"
        INIT_OPTIONS+=("$1" "$2")
        shift
        ;;
      --archive) INIT_OPTIONS+=(--archive) ;;
      --tls) INIT_OPTIONS+=(--tls) TLS=1 ;;
      --postgres) POSTGRES=1 ;;
      --home)
        home=$(option_value "$@")
        shift
        ;;
      --detach) DETACH=1 ;;
      --no-build) BUILD='' ;;
      --debug) CONFIGURATION=debug ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  set_home "$home"
  BIN_DIR=$ROOT/.build/$CONFIGURATION
  FANTAIL=$BIN_DIR/fantail
}

# refuse_second_start: two launchers in one home would fight for its ports and its database.
refuse_second_start() {
  local pid
  pid=$(launcher_pid)
  ((pid == 0)) || die "Fantail runs from $HOME_DIR already (launcher $pid). Look: deploy/status.sh$(home_option)." \
    "Stop: deploy/stop.sh$(home_option). A second cluster: deploy/run.sh --home DIR --port-base 9000"
}

# --- building ---------------------------------------------------------------------------------------------------------

build() {
  local log=$LOG_DIR/build.log product
  mkdir -p -- "$LOG_DIR"
  [[ -x $FANTAIL ]] || say "Building ($CONFIGURATION). The first time takes some minutes ..."
  : >"$log"
  for product in "${PRODUCTS[@]}"; do
    swift build --package-path "$ROOT" -c "$CONFIGURATION" --product "$product" >>"$log" 2>&1 || {
      grep -E 'error:' -- "$log" | sort -u | head -n 20 >&2 || tail -n 20 -- "$log" >&2
      die "building $product failed; everything the compiler said is in $log"
    }
  done
}

require_binaries() {
  local product
  for product in "${PRODUCTS[@]}"; do
    [[ -x $BIN_DIR/$product ]] || die "$BIN_DIR/$product is not built: type deploy/run.sh without --no-build"
  done
}

# --- before the start -------------------------------------------------------------------------------------------------

# make_cluster: cluster file and secrets, where they are missing. Without counts an existing file is taken as it is;
# with counts that differ from it, `fantail` refuses and says how to go on.
make_cluster() {
  umask 077
  mkdir -p -- "$HOME_DIR" "$RUN_DIR" "$LOG_DIR"
  if [[ -n $POSTGRES ]]; then with_postgres; fi
  if ((${#INIT_OPTIONS[@]} > 0)) || [[ ! -e $CLUSTER_FILE || ! -e $HOME_DIR/secrets/cluster.key || ! -e $HOME_DIR/secrets/tokens.keys ]]; then
    # People at this machine sign in to the page by name; cluster.conf says so, and says it nowhere else.
    with_media
    "$FANTAIL" cluster init --home "$HOME_DIR" --development-login "${INIT_OPTIONS[@]}" >"$LOG_DIR/init.log" || exit 1
  fi
  if [[ -n $TLS ]]; then "$ROOT/deploy/certificates.sh" --home "$HOME_DIR"; fi
  # The file may have been edited: its reader knows every rule and names the line. The same goes for certificates.
  "$FANTAIL" cluster check --home "$HOME_DIR" >/dev/null || exit 1
}

# with_postgres: a server on the port below the first gateway's. Started by root it runs as somebody else, who has to pass
# through the home; what lies in it stays closed.
with_postgres() {
  local base=7000 index
  for index in "${!INIT_OPTIONS[@]}"; do
    [[ ${INIT_OPTIONS[index]} != --port-base ]] || base=${INIT_OPTIONS[index + 1]}
  done
  if ((EUID == 0)); then chmod go+x -- "$HOME_DIR"; fi
  mkdir -p -- "$HOME_DIR/postgres"
  INIT_OPTIONS+=(--database "postgresql://fantail@127.0.0.1:$((base + 1079))/fantail")
}

# with_media: a new cluster has one media node unless a number was asked for; one that exists keeps what it has.
with_media() {
  [[ ! -e $CLUSTER_FILE && " ${INIT_OPTIONS[*]} " != *' --medias '* ]] || return 0
  INIT_OPTIONS+=(--medias 1)
}

# sweep: what a launcher that was killed left behind: nodes without anybody who looks after them, and pid files.
sweep() {
  stop_nodes
  if ((STOPPED > 0)); then say "A launcher that is gone had left services behind. $(stopped_sentence)"; fi
}

# require_free_ports: all of them are checked, so that all of the bad news comes at once.
require_free_ports() {
  local name address port by taken=
  load_listeners
  for name in "${NODES[@]}"; do
    for address in "${RPC[$name]}" "${ADMIN[$name]}" ${CLIENT[$name]:+"${CLIENT[$name]}"}; do
      port=${address##*:}
      [[ -n ${LISTENER[$port]:-} ]] || continue
      by=$(holder "${LISTENER[$port]}")
      warn "port $port, wanted by $name, is taken by ${by:-another process}"
      taken=1
    done
  done
  [[ -z $taken ]] || die "stop what listens there, or change the ports in $CLUSTER_FILE, or make a cluster elsewhere:" \
    'deploy/run.sh --home DIR --port-base 9000'
}

# --- the start --------------------------------------------------------------------------------------------------------

launch() {
  local launcher=("$ROOT/deploy/launcher.sh" --home "$HOME_DIR" --bin "$BIN_DIR")
  if [[ -z $DETACH ]]; then exec "${launcher[@]}"; fi

  local log=$LOG_DIR/launcher.log pid status=0 looks
  rotate_log "$log"
  local said_before=0
  said_before=$(stat -c %s -- "$log" 2>/dev/null) || said_before=0
  rm -f -- "$RUN_DIR/ready"
  setsid "${launcher[@]}" </dev/null >>"$log" 2>&1 &
  pid=$!
  # The launcher itself gives up after 30 s and then stops what it started; this loop only must not be shorter.
  for ((looks = 0; looks < 300; looks++)); do
    sleep "$LOOK_SECONDS"
    if [[ -e $RUN_DIR/ready ]] && is_running "$pid"; then
      tail -c "+$((said_before + 1))" -- "$log"
      exit 0
    fi
    is_running "$pid" || break
  done
  wait "$pid" || status=$?
  tail -c "+$((said_before + 1))" -- "$log" >&2
  exit $((status == 0 ? 1 : status))
}

main "$@"
