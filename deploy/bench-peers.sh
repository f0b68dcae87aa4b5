#!/usr/bin/env bash
# Measures Fantail beside ejabberd and mosquitto, in one run on one machine.
#
#   deploy/bench-peers.sh [options]
#
#   --rounds N     how often everything is measured; the table shows medians; default 3
#   --seconds S    the measured interval of each run; default 8
#   --users N      connected users, half of them write to the other half; default 1000
#   --only PART    chat: pairs; group: groups of 100 and of 1,024; default both
#   --peers DIR    where run-peer.sh and peerload are; default ../shared/peers beside this checkout
#   --markdown     the table as docs/performance.md shows it
#
# A round runs every server in every setting, one after the other, so that a machine which slows down slows all alike. One
# exchange is one message and its receipt: Fantail's is synced to disk before the author is told `sent`, and its receipt
# before the reader's cursor moves; the peers sync nothing. A group is a topic at QoS 1 of mosquitto and a room of ejabberd;
# one member writes, the next message leaves when everybody has one, and every member's is a delivery, the author's too. CPU is user + system time of all processes of the server, from
# /proc/PID/stat; the load generators are not in it. `ejabberd-acks` has every message acknowledged (XEP-0198), as ours are.
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
# What is measured: server, and what the load generator is told.
readonly RUNS=(
  'fantail window-1' 'fantail window-16' 'fantail rate-1000'
  'fantail-json window-1' 'fantail-json window-16'
  'ejabberd window-1' 'ejabberd window-16' 'ejabberd rate-1000'
  'ejabberd-acks window-1' 'ejabberd-acks window-16'
  'mosquitto window-1' 'mosquitto window-16' 'mosquitto rate-1000'
)
# The same for groups: server, and members and window.
readonly GROUP_RUNS=(
  'fantail members-100-window-1' 'fantail members-100-window-16' 'fantail members-1024-window-1' 'fantail members-1024-window-16'
  'ejabberd members-100-window-1' 'ejabberd members-100-window-16' 'ejabberd members-1024-window-1' 'ejabberd members-1024-window-16'
  'ejabberd-acks members-100-window-16'
  'mosquitto members-100-window-1' 'mosquitto members-100-window-16' 'mosquitto members-1024-window-1' 'mosquitto members-1024-window-16'
)
# Members of the largest group, and deliveries of one run at a peer, whose load ends after so many and not after a time.
readonly GROUP_MEMBERS_MAX=1024
readonly PEER_DELIVERIES=200000
# The peer that runs now; ended by the trap.
PEER=

main() {
  read_arguments "$@"
  mkdir -p -- "$WORK"
  require_peers
  require_swift
  require_libraries "$WORK/install.log"
  say 'Building ...'
  (cd -- "$ROOT" && swift build -c release) >"$WORK/build.log" 2>&1 || die "the build failed: $WORK/build.log"
  prepare_peers
  trap stop_peer EXIT
  trap 'exit 1' INT TERM
  : >"$WORK/figures.tsv"
  : >"$WORK/groups.tsv"
  local round run
  for ((round = 1; round <= ROUNDS; round++)); do
    for run in "${RUNS[@]}"; do
      [[ $ONLY != group ]] || continue
      # shellcheck disable=SC2086 # two words: server and setting
      measure $run "$round"
    done
    for run in "${GROUP_RUNS[@]}"; do
      [[ $ONLY != chat ]] || continue
      # shellcheck disable=SC2086 # two words: server and setting
      measure_group $run "$round"
    done
  done
  show_table "$WORK/figures.tsv" exchange receipt
  show_table "$WORK/groups.tsv" delivery 'last member'
}

read_arguments() {
  ROUNDS=3 RUN_SECONDS=8 USERS=1000 PEERS=$ROOT/../shared/peers MARKDOWN='' ONLY=''
  while (($# > 0)); do
    case $1 in
      --rounds | --seconds | --users)
        [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "$1 needs a number"
        case $1 in
          --rounds) ROUNDS=$2 ;;
          --seconds) RUN_SECONDS=$2 ;;
          --users) USERS=$2 ;;
        esac
        shift
        ;;
      --peers)
        PEERS=$(option_value "$@")
        shift
        ;;
      --only)
        ONLY=$(option_value "$@")
        [[ $ONLY == chat || $ONLY == group ]] || usage_error '--only must be chat or group'
        shift
        ;;
      --markdown) MARKDOWN=1 ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
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

# measure SERVER SETTING ROUND: adds a line "server setting cpu per-second p50 p99" to the figures; latencies are from the
# send to the receipt, milliseconds.
measure() {
  local server=$1 setting=$2 round=$3 load figures
  load=(--"${setting%-*}" "${setting##*-}")
  case $server in
    fantail | fantail-json) figures=$(run_fantail "$server" "${load[@]}") ;;
    ejabberd | ejabberd-acks | mosquitto) figures=$(run_peer "$server" "${load[@]}") ;;
  esac
  printf '%s\t%s\t%s\n' "$server" "$setting" "$figures" >>"$WORK/figures.tsv"
  say "round $round  $server $setting: $(awk '{ printf "%s us per exchange, %s a second", $1, $2 }' <<<"$figures")"
}

# measure_group SERVER SETTING ROUND: the same for a group; latencies are from the send to the last member.
measure_group() {
  local server=$1 setting=$2 round=$3 members window figures
  IFS=- read -r _ members _ window <<<"$setting"
  case $server in
    fantail) figures=$(run_fantail_group "$members" "$window") ;;
    ejabberd | ejabberd-acks | mosquitto) figures=$(run_peer_group "$server" "$members" "$window") ;;
  esac
  printf '%s\t%s\t%s\n' "$server" "$setting" "$figures" >>"$WORK/groups.tsv"
  say "round $round  $server $setting: $(awk '{ printf "%s us per delivery, %s a second", $1, $2 }' <<<"$figures")"
}

run_fantail() {
  local encoding=binary result=$WORK/fantail.json
  [[ $1 == fantail ]] || encoding=json
  shift
  "$BENCH" chat --start --users "$USERS" --encoding "$encoding" --warm "$WARM" --seconds "$RUN_SECONDS" "$@" \
    --json "$result" >"$WORK/fantail.log" 2>&1 || die "bench says no: $WORK/fantail.log"
  python3 - "$result" <<'PYTHON'
import json, sys
run = json.load(open(sys.argv[1]))
receipt = run["latency_us"]["receipt"]
print(f'{run["cpu_us_per_exchange"]["all"]:.1f}\t{run["exchanges_per_second"]:.0f}\t{receipt["p50"] / 1000:.2f}\t{receipt["p99"] / 1000:.2f}')
PYTHON
}

run_fantail_group() {
  local result=$WORK/fantail.json
  "$BENCH" group --start --members "$1" --window "$2" --encoding binary --warm "$WARM" --seconds "$RUN_SECONDS" \
    --json "$result" >"$WORK/fantail.log" 2>&1 || die "bench says no: $WORK/fantail.log"
  python3 - "$result" <<'PYTHON'
import json, sys
run = json.load(open(sys.argv[1]))
last = run["latency_us"]["everybody"]
print(f'{run["cpu_us_per_delivery"]["all"]:.2f}\t{run["deliveries_per_second"]:.0f}\t{last["p50"] / 1000:.2f}\t{last["p99"] / 1000:.2f}')
PYTHON
}

# load_peer SERVER OPTION...: starts it, puts the load of peerload on it, stops it; peer.json has what was found.
load_peer() {
  local name=${1%-acks} protocol=xmpp port=5222 extra=()
  [[ $name == ejabberd ]] || { protocol=mqtt; port=1883; }
  [[ $1 != ejabberd-acks ]] || extra=(--sm)
  shift
  PEER=$name
  "$WORK/peers/run-peer.sh" "$name" wipe >/dev/null
  "$WORK/peers/run-peer.sh" "$name" start >"$WORK/peer.log" 2>&1 || die "$name does not start: $WORK/peer.log"
  "$WORK/peers/peerload" --proto "$protocol" --port "$port" --pid "$("$WORK/peers/run-peer.sh" "$name" pid)" \
    "$@" "${extra[@]}" >"$WORK/peer.json" 2>>"$WORK/peer.log" || die "the load on $name failed: $WORK/peer.log"
  stop_peer
}

run_peer_group() {
  local count=$((PEER_DELIVERIES / $2))
  load_peer "$1" --mode group --users "$2" --window "$3" --count "$count" --warmcount "$((count / 4))"
  python3 - "$WORK/peer.json" "$((count * $2))" <<'PYTHON'
import json, sys
run = json.load(open(sys.argv[1]))
if run["deliveries"] != int(sys.argv[2]) or run["errors"]: sys.exit(f'{run["deliveries"]} deliveries, {run["errors"]} errors')
last = run["all"]
print(f'{run["cpu_us_per_deliv"]:.2f}\t{run["deliv_per_s"]:.0f}\t{last["p50"]:.2f}\t{last["p99"]:.2f}')
PYTHON
}

run_peer() {
  load_peer "$1" --users "$USERS" --warm "$WARM" --seconds "$RUN_SECONDS" "${@:2}"
  python3 - "$WORK/peer.json" <<'PYTHON'
import json, sys
run = json.load(open(sys.argv[1]))
receipt = run["receipt"]
print(f'{run["cpu_us_per_exch"]:.1f}\t{run["per_s"]:.0f}\t{receipt["p50"]:.2f}\t{receipt["p99"]:.2f}')
PYTHON
}

# --- the table --------------------------------------------------------------------------------------------------------

# show_table FIGURES NOUN END: what is counted, and what the latencies end with; nothing when nothing was measured.
show_table() {
  [[ -s $1 ]] || return 0
  python3 - "$@" "$MARKDOWN" <<'PYTHON'
import statistics, sys

runs = {}
for line in open(sys.argv[1]):
    server, setting, *figures = line.rstrip("\n").split("\t")
    runs.setdefault(setting, {}).setdefault(server, []).append([float(figure) for figure in figures])
_, _, noun, end, is_markdown = sys.argv
titles = ["setting", "server", f"CPU us per {noun}", "of ejabberd", "of mosquitto", "a second", f"{end} p50 ms", "p99 ms"]
rows = []
for setting, servers in runs.items():
    median = {server: [statistics.median(column) for column in zip(*figures)] for server, figures in servers.items()}
    for server, (cpu, per_second, p50, p99) in median.items():
        ratios = [f"{cpu / median[peer][0]:.2f}" if peer in median else "-" for peer in ("ejabberd", "mosquitto")]
        rows.append([setting.replace("-", " "), server, f"{cpu:.{0 if noun == 'exchange' else 1}f}", *ratios, f"{per_second:,.0f}", f"{p50:.1f}", f"{p99:.1f}"])
if is_markdown:
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    for row in rows:
        print("| " + " | ".join(row) + " |")
else:
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, *rows]:
        print("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))))
PYTHON
}

main "$@"
