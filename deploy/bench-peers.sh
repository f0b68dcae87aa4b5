#!/usr/bin/env bash
# Measures Fantail beside ejabberd and mosquitto, in one run on one machine, and says which goals are kept.
#
#   deploy/bench-peers.sh [options]
#
#   --rounds N     how often everything is measured; the tables show medians; default 3
#   --seconds S    the measured interval of each run; default 8
#   --users N      connected users, half of them write to the other half; default 1000
#   --only PART    chat: pairs in a closed loop; open: pairs in an open loop; syncs: messages a sync; group: groups of 100 and of
#                  1,024; offline: storing for who is away, and their coming back; idle: 15,000 who come and are silent, Fantail
#                  alone. May be repeated; default all of them
#   --peers DIR    where run-peer.sh and peerload are; default ../shared/peers beside this checkout
#   --port-base N  of Fantail's clusters, as for bench; default 17000
#   --no-build     run what was built before
#   --markdown     the tables as docs/performance.md shows them
#
# A round runs every server in every setting, one after the other, so that a machine which slows down slows all alike. One
# exchange is one message and its receipt: Fantail's is synced to disk before the author is told `sent`, and its receipt
# before the reader's cursor moves; the peers sync nothing. A group is a topic at QoS 1 of mosquitto and a room of ejabberd;
# one member writes, the next message leaves when everybody has one, and every member's is a delivery, the author's too. CPU
# is user + system time of all processes of the server, from /proc/PID/stat; the load generators are not in it.
# `ejabberd-acks` has every message acknowledged (XEP-0198), as ours are, and is the ejabberd of `offline`, for without that
# nobody hears that a message was stored. Before each open loop of Fantail the disk under its clusters is asked how long an
# fdatasync takes. `syncs` is 64 authors with one message on its way each.
# deploy/bench-peers/tables.py has the goals, and holds them against the medians. That one is missed is a result, no error.
# The peers have to be installed: apt-get install -y --no-install-recommends ejabberd mosquitto
# Exit status: 0 measured; 1 something is in the way, or a run broke its verdict; 64 a wrong option.

set -euo pipefail
SCRIPT=bench-peers.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly WORK=$ROOT/.build/bench-peers
readonly BENCH=$ROOT/.build/release/bench
# Before the measured interval, seconds: connections are made, caches are warm.
readonly WARM=3
readonly TABLES=$ROOT/deploy/bench-peers/tables.py
readonly PARTS=(chat open syncs group offline idle)
# What is measured: part, server, and what the load generator is told.
readonly RUNS=(
  'chat fantail window-1' 'chat fantail window-16'
  'chat fantail-json window-1' 'chat fantail-json window-16'
  'chat ejabberd window-1' 'chat ejabberd window-16'
  'chat ejabberd-acks window-1' 'chat ejabberd-acks window-16'
  'chat mosquitto window-1' 'chat mosquitto window-16'
  'open fdatasync rate-1000' 'open fantail rate-1000'
  'open ejabberd rate-1000' 'open ejabberd-acks rate-1000' 'open mosquitto rate-1000'
  'open fdatasync rate-2000' 'open fantail rate-2000'
  'open fdatasync rate-5000' 'open fantail rate-5000'
  'syncs fantail authors-64-window-1'
  'group fantail members-100-window-1' 'group fantail members-100-window-16'
  'group fantail members-1024-window-1' 'group fantail members-1024-window-16'
  'group ejabberd members-100-window-1' 'group ejabberd members-100-window-16'
  'group ejabberd members-1024-window-1' 'group ejabberd members-1024-window-16'
  'group ejabberd-acks members-100-window-16'
  'group mosquitto members-100-window-1' 'group mosquitto members-100-window-16'
  'group mosquitto members-1024-window-1' 'group mosquitto members-1024-window-16'
  'offline fantail messages-100000' 'offline ejabberd-acks messages-100000' 'offline mosquitto messages-100000'
  'offline fantail kill-100000'
  'idle fantail connections-15000'
)
# Of the offline runs, for all servers: who is away, who writes, and how many messages each keeps without an answer.
readonly OFFLINE=(--users 1000 --senders 10 --window 100)
# A drain is over when nothing has come for so long, seconds; a peer that has lost something is told by that.
readonly DRAIN_QUIET=15
# Members of the largest group, and deliveries of one run at a peer, whose load ends after so many and not after a time.
readonly GROUP_MEMBERS_MAX=1024
readonly PEER_DELIVERIES=200000
# The peer that runs now; ended by the trap.
PEER=
# 1 when a run broke its verdict; the others are measured all the same.
BROKEN=0

main() {
  read_arguments "$@"
  mkdir -p -- "$WORK"
  require_peers
  if [[ -n $BUILD ]]; then
    require_swift
    require_libraries "$WORK/install.log"
    say 'Building ...'
    swift build --package-path "$ROOT" -c release >"$WORK/build.log" 2>&1 || die "the build failed: $WORK/build.log"
  fi
  [[ -x $BENCH ]] || die "$BENCH is not built: type deploy/bench-peers.sh without --no-build"
  prepare_peers
  trap stop_peer EXIT
  trap 'exit 1' INT TERM
  rm -rf -- "$WORK/runs"
  mkdir -- "$WORK/runs"
  : >"$WORK/runs.tsv"
  local round run
  for ((round = 1; round <= ROUNDS; round++)); do
    for run in "${RUNS[@]}"; do
      # shellcheck disable=SC2086 # three words: part, server and setting
      [[ " ${ONLY[*]} " != *" ${run%% *} "* ]] || measure $run "$round"
    done
  done
  say
  python3 "$TABLES" all "$WORK/runs.tsv" ${MARKDOWN:+markdown}
  return "$BROKEN"
}

read_arguments() {
  ROUNDS=3 RUN_SECONDS=8 USERS=1000 PEERS=$ROOT/../shared/peers PORT_BASE=17000 BUILD=1 MARKDOWN='' ONLY=()
  while (($# > 0)); do
    case $1 in
      --rounds | --seconds | --users | --port-base)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "$1 needs a number"
        case $1 in
          --rounds) ROUNDS=$2 ;;
          --seconds) RUN_SECONDS=$2 ;;
          --users) USERS=$2 ;;
          --port-base) PORT_BASE=$2 ;;
        esac
        shift
        ;;
      --peers)
        PEERS=$(option_value "$@")
        shift
        ;;
      --only)
        ONLY+=("$(option_value "$@")")
        [[ " ${PARTS[*]} " == *" ${ONLY[-1]} "* ]] || usage_error "--only must be one of ${PARTS[*]}"
        shift
        ;;
      --no-build) BUILD='' ;;
      --markdown) MARKDOWN=1 ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  ((${#ONLY[@]} > 0)) || ONLY=("${PARTS[@]}")
  ((USERS % 2 == 0)) || usage_error '--users must be an even number: they chat in pairs'
}

# --- the peers --------------------------------------------------------------------------------------------------------

require_peers() {
  local missing=() program
  [[ -r $PEERS/run-peer.sh && -r $PEERS/peerload.c ]] ||
    die "there are no peers to measure at $PEERS: say where run-peer.sh and peerload.c are with --peers DIR"
  command -v python3 >/dev/null || missing+=(python3)
  for program in ejabberd:/usr/sbin/ejabberdctl mosquitto:/usr/sbin/mosquitto; do
    [[ -x ${program#*:} ]] || missing+=("${program%%:*}")
  done
  command -v make >/dev/null && command -v cc >/dev/null || missing+=(make gcc)
  ((${#missing[@]} == 0)) || die "to measure, type: apt-get install -y --no-install-recommends ${missing[*]}"
}

# prepare_peers: a copy of the scripts that can be built in, and accounts for ejabberd.
prepare_peers() {
  export PEER_DATA=$WORK/data USERS
  local accounts=$((USERS > GROUP_MEMBERS_MAX ? USERS : GROUP_MEMBERS_MAX))
  if ! cmp -s -- "$PEERS/peerload.c" "$WORK/peers/peerload.c"; then
    rm -rf -- "$WORK/peers"
    cp -r -- "$PEERS" "$WORK/peers"
    chmod -R u+w -- "$WORK/peers"
  fi
  # A room of ejabberd takes 200 by itself, whatever its service may.
  if ! grep -q 'default_room_options: { max_users' "$WORK/peers/conf/ejabberd.yml"; then
    sed -i 's/default_room_options: {/default_room_options: { max_users: 5000,/' "$WORK/peers/conf/ejabberd.yml"
  fi
  make -s -C "$WORK/peers" peerload >"$WORK/peers.log" 2>&1 || die "peerload was not built: $WORK/peers.log"
  if [[ ! -e $PEER_DATA/ejabberd/accounts-$accounts ]]; then
    say "Making $accounts accounts for ejabberd ..."
    USERS=$accounts "$WORK/peers/run-peer.sh" ejabberd init >"$WORK/accounts.log" 2>&1 || die "no accounts: $WORK/accounts.log"
    : >"$PEER_DATA/ejabberd/accounts-$accounts"
  fi
}

stop_peer() {
  [[ -z $PEER ]] || "$WORK/peers/run-peer.sh" "$PEER" stop >/dev/null 2>&1 || true
  PEER=
}

# --- one run ----------------------------------------------------------------------------------------------------------

# measure PART SERVER SETTING ROUND: one run; what its load generator wrote is kept, and a line "part setting server file".
measure() {
  local part=$1 server=$2 setting=$3 round=$4 file sentence
  file=$WORK/runs/$part-$setting-$server-$round.json
  # Without a result nobody knows what it was, so the functions below need not stop at once (`set -e` does not hold here).
  if "run_$part" "$server" "$setting" "$file" && sentence=$(python3 "$TABLES" run "$part" "$server" "$file" 2>&1); then
    printf '%s\t%s\t%s\t%s\n' "$part" "$setting" "$server" "$file" >>"$WORK/runs.tsv"
    say "round $round  $server ${setting//-/ }: $sentence"
  else
    warn "round $round  $server ${setting//-/ }: ${sentence:-it did not run, or its verdict is broken}; see $WORK/$([[ $server == fantail* ]] && printf fantail || printf peer).log"
    BROKEN=1
  fi
  stop_peer
}

# The functions run_PART SERVER SETTING FILE: Fantail's clusters are bench's own, new for each run.

run_chat() {
  local load=(--"${2%-*}" "${2##*-}" --users "$USERS" --warm "$WARM" --seconds "$RUN_SECONDS")
  case $1 in
    fdatasync) python3 "$TABLES" disk "${TMPDIR:-/tmp}" >"$3" ;;
    fantail) bench_of "$3" chat --encoding binary "${load[@]}" ;;
    fantail-json) bench_of "$3" chat --encoding json "${load[@]}" ;;
    *) start_peer "$1" && load_peer "$1" "${load[@]}" >"$3" ;;
  esac
}

run_open() { run_chat "$@"; }

run_syncs() {
  local authors window
  IFS=- read -r _ authors _ window <<<"$2"
  bench_of "$3" chat --encoding binary --users "$((authors * 2))" --window "$window" --warm "$WARM" --seconds "$RUN_SECONDS"
}

run_group() {
  local members window count
  IFS=- read -r _ members _ window <<<"$2"
  count=$((PEER_DELIVERIES / members))
  case $1 in
    fantail) bench_of "$3" group --encoding binary --members "$members" --window "$window" --warm "$WARM" --seconds "$RUN_SECONDS" ;;
    *) start_peer "$1" && load_peer "$1" --mode group --users "$members" --window "$window" --count "$count" --warmcount "$((count / 4))" >"$3" ;;
  esac
}

# In a peer everybody has to connect once, too, or it keeps nothing for them.
run_offline() {
  local messages=${2##*-} kill=()
  [[ $2 != kill-* ]] || kill=(--kill)
  case $1 in
    fantail) bench_of "$3" offline --encoding binary --messages "$messages" "${OFFLINE[@]}" "${kill[@]}" ;;
    *)
      start_peer "$1" &&
        load_peer "$1" --mode prep --users "${OFFLINE[1]}" >"$WORK/prep.json" &&
        load_peer "$1" --mode offline-send --count "$messages" "${OFFLINE[@]}" >"$3" &&
        load_peer "${1%-acks}" --mode offline-drain --count "$messages" --users "${OFFLINE[1]}" --quiet "$DRAIN_QUIET" >>"$3"
      ;;
  esac
}

run_idle() { bench_of "$3" idle --encoding binary --users "${2##*-}"; }

# bench_of FILE SCENARIO OPTION...
bench_of() { "$BENCH" "$2" --start --port-base "$PORT_BASE" "${@:3}" --json "$1" >"$WORK/fantail.log" 2>&1 </dev/null; }

# start_peer SERVER: without the messages of the run before.
start_peer() {
  PEER=${1%-acks}
  "$WORK/peers/run-peer.sh" "$PEER" wipe >/dev/null
  "$WORK/peers/run-peer.sh" "$PEER" start >"$WORK/peer.log" 2>&1
}

# load_peer SERVER OPTION...: one load of peerload on the peer that runs; prints what was found.
load_peer() {
  local protocol=xmpp port=5222 extra=()
  [[ $PEER == ejabberd ]] || { protocol=mqtt; port=1883; }
  [[ $1 != *-acks ]] || extra=(--sm)
  "$WORK/peers/peerload" --proto "$protocol" --port "$port" --pid "$("$WORK/peers/run-peer.sh" "$PEER" pid)" "${@:2}" "${extra[@]}" 2>>"$WORK/peer.log"
}

main "$@"
