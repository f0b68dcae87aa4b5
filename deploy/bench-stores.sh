#!/usr/bin/env bash
# Measures the two engines of persistence beside each other: SQLite, and PostgreSQL on the same machine.
#
#   deploy/bench-stores.sh [options]
#
#   --rounds N     how often everything is measured; the table shows medians, and the smallest and largest of the ratios; default 3
#   --seconds S    the measured interval of each run; default 10
#   --users N      connected users, half of them write to the other half; default 1000
#   --windows LIST messages that an author keeps without a receipt; default 1,16
#   --no-build     run what was built before
#
# A round runs both engines with each window, one after the other, so that a machine that slows down slows both alike; every run
# has a cluster of its own. The server's CPU time is that of all its processes from its start to the end of the run, checkpoints
# and cleaning included, by the exchanges of the whole run; it is not in bench's own figures. Load levels are held at 0, so that
# what is measured is the engine and not what is refused. Ratios are PostgreSQL by SQLite: of the rates, and of what a machine
# whose cores are all at work could do, which is the CPU time of everything, the load generator's too, the other way round.
# Exit status: 0 measured; 1 something is in the way, or a run broke its verdict; 64 a wrong option.

set -euo pipefail
SCRIPT=bench-stores.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly WORK=$ROOT/.build/bench-stores
readonly BENCH=$ROOT/.build/release/bench
readonly PORT_BASE=17200
# Before the measured interval, seconds.
readonly WARM=2
# The cluster that runs now; stopped by the trap.
HOME_NOW=

main() {
  read_arguments "$@"
  mkdir -p -- "$WORK"
  if [[ -n $BUILD ]]; then
    require_swift
    require_libraries "$WORK/install.log"
    say 'Building ...'
    swift build --package-path "$ROOT" -c release >"$WORK/build.log" 2>&1 || die "the build failed: $WORK/build.log"
  fi
  [[ -x $BENCH ]] || die "$BENCH is not built: type deploy/bench-stores.sh without --no-build"
  trap stop_cluster EXIT
  trap 'exit 1' INT TERM
  : >"$WORK/figures.tsv"
  local round window engine
  for ((round = 1; round <= ROUNDS; round++)); do
    for window in "${WINDOWS[@]}"; do
      for engine in sqlite postgres; do measure "$engine" "$window" "$round"; done
    done
  done
  show_table
}

read_arguments() {
  ROUNDS=3 RUN_SECONDS=10 USERS=1000 WINDOWS=(1 16) BUILD=1
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
      --windows)
        [[ ${2:-} =~ ^[1-9][0-9]{0,3}(,[1-9][0-9]{0,3})*$ ]] || usage_error '--windows needs numbers with commas between them'
        IFS=, read -ra WINDOWS <<<"$2"
        shift
        ;;
      --no-build) BUILD='' ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
}

# measure ENGINE WINDOW ROUND: one run, a line of figures.
measure() {
  local engine=$1 window=$2 options=() ticks=0
  [[ $engine == sqlite ]] || options=(--postgres)
  HOME_NOW=$(mktemp -d "${TMPDIR:-/tmp}/fantail-stores-XXXXXX")
  "$ROOT/deploy/run.sh" --no-build --detach --home "$HOME_NOW" --port-base "$PORT_BASE" "${options[@]}" >"$WORK/start.log" 2>&1 ||
    die "the cluster does not start: $WORK/start.log"
  "$ROOT/.build/release/fantail" load --home "$HOME_NOW" pin 0 all >"$WORK/pin.log" 2>&1 || die "load levels cannot be held: $WORK/pin.log"
  "$BENCH" chat --home "$HOME_NOW" --users "$USERS" --window "$window" --warm "$WARM" --seconds "$RUN_SECONDS" --encoding binary \
    --json "$WORK/run.json" --quiet >"$WORK/run.txt" 2>&1 </dev/null || die "$engine, window $window: bench is not content: $WORK/run.txt"
  if [[ $engine == postgres ]]; then ticks=$(server_ticks); fi
  stop_cluster
  python3 - "$engine" "$window" "$3" "$ticks" "$(getconf CLK_TCK)" "$WORK/run.json" >>"$WORK/figures.tsv" <<'PYTHON'
import json, sys
engine, window, number, ticks, per_second, path = sys.argv[1:]
report = json.load(open(path))
cpu, latency = report["cpu_us_per_exchange"], report["latency_us"]
server = int(ticks) / int(per_second) * 1e6 / report["receipts"]
print(window, number, engine, report["exchanges_per_second"], cpu["persistence"], server, cpu["all"], cpu["bench"], report["fsyncs_per_message"],
      latency["sent"]["p50"] / 1000, latency["receipt"]["p99"] / 1000, sep="\t")
PYTHON
  tail -n 1 -- "$WORK/figures.tsv"
}

# server_ticks: CPU time of the database's processes, those that have ended included, in clock ticks.
server_ticks() {
  local parent stat fields sum=0 path
  parent=$(head -n 1 -- "$HOME_NOW/postgres/data/postmaster.pid")
  for path in /proc/[0-9]*/stat; do
    { read -r stat <"$path"; } 2>/dev/null || continue
    read -ra fields <<<"${stat##*) }"
    # Behind the name: state, parent, ...; fields 14 to 17 of the file are user and system time, own and of children.
    if [[ $path == "/proc/$parent/stat" ]]; then
      sum=$((sum + fields[11] + fields[12] + fields[13] + fields[14]))
    elif ((fields[1] == parent)); then
      sum=$((sum + fields[11] + fields[12]))
    fi
  done
  printf '%s' "$sum"
}

stop_cluster() {
  [[ -n $HOME_NOW ]] || return 0
  "$ROOT/deploy/stop.sh" --home "$HOME_NOW" >/dev/null 2>&1 || true
  rm -rf -- "$HOME_NOW"
  HOME_NOW=
}

show_table() {
  python3 - "$WORK/figures.tsv" <<'PYTHON'
import sys
from statistics import median

rows = [line.split("\t") for line in open(sys.argv[1]).read().splitlines()]
print("\n| window | engine | exchanges a second | persistence, CPU us | database, CPU us | all services, CPU us | bench, CPU us "
      "| syncs a message | sent p50 ms | receipt p99 ms |")
print("|---|---|---|---|---|---|---|---|---|---|")
notes = []
for window in sorted({row[0] for row in rows}, key=int):
    rates, costs = {}, {}
    for engine in ("sqlite", "postgres"):
        of = [[float(word) for word in row[3:]] for row in rows if row[0] == window and row[2] == engine]
        rates[engine] = [figures[0] for figures in of]
        costs[engine] = [figures[2] + figures[3] + figures[4] for figures in of]
        rate, own, server, services, bench, syncs, sent, receipt = (median(column) for column in zip(*of))
        print(f"| {window} | {engine} | {rate:,.0f} | {own:.1f} | {server:.1f} | {services:.1f} | {bench:.1f} | {syncs:.3f} | {sent:.1f} | {receipt:.1f} |")
    for name, above, below in (("rates", rates["postgres"], rates["sqlite"]), ("cores", costs["sqlite"], costs["postgres"])):
        ratios = [one / other for one, other in zip(above, below)]
        notes.append(f"window {window}, ratio by {name}: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
print("", *notes, sep="\n")
PYTHON
}

main "$@"
