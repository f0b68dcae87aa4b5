#!/usr/bin/env bash
# Shows with a trace of its system calls that persistence never answers an append before the sync behind it has returned.
#
#   deploy/trace-syncs.sh [options]
#
#   --messages N   so many must be stored and answered under the trace; default 100000
#   --users N      clients, half of them write to the other half, one message at a time each; default 128
#   --port-base N  as for deploy/run.sh; default 13000
#   --keep         leave the trace in .build/trace-syncs/trace
#   --no-build     run what was built before
#
# Starts a cluster of its own, attaches strace to all threads of persistence (small batches are synced by the loop, larger ones
# by a thread beside it), and loads it with `bench chat` as often as it takes. Then deploy/trace-syncs/judge.py reads the trace, puts
# the frames of docs/rpc.md together again, and looks at every answer. The trace is some 50 KB a message.
# Only the embedded store has a log here; a cluster with PostgreSQL leaves the sync to that. Load levels are held at 0, for
# a traced process is slow and would refuse messages.
# Exit status: 0 no answer was early; 1 one was, or the trace has a hole, or something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=trace-syncs.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly WORK=$ROOT/.build/trace-syncs
readonly BENCH=$ROOT/.build/release/bench
# What is judged: requests and answers, writes and syncs, and sockets that are closed. Answers that left by another call, or
# data that was synced by another, would be missed by the judge, and it says so.
readonly CALLS=recvfrom,sendto,pwrite64,fdatasync,close
# The longest string that is told whole, bytes: the send queue of a link is cut at 16 MiB, but nothing near it is seen; the
# judge complains of what is longer.
readonly STRING_BYTES_MAX=1048576
# The first load, seconds; the others as long as the rate of the ones before asks for, at most so long and so often.
readonly FIRST_SECONDS=10 LOAD_SECONDS_MAX=300 LOADS_MAX=40
TRACER=0
LOG=

main() {
  read_arguments "$@"
  command -v strace >/dev/null || die 'to trace, type: apt-get install -y --no-install-recommends strace'
  command -v python3 >/dev/null || die 'to read the trace, type: apt-get install -y --no-install-recommends python3'
  mkdir -p -- "$WORK"
  if [[ -n $BUILD ]]; then
    require_swift
    require_libraries "$WORK/install.log"
    say 'Building ...'
    swift build --package-path "$ROOT" -c release >"$WORK/build.log" 2>&1 || die "the build failed: $WORK/build.log"
  fi
  [[ -x $BENCH ]] || die "$BENCH is not built: type deploy/trace-syncs.sh without --no-build"
  trap 'exit 1' INT TERM HUP
  trap leave EXIT
  rm -rf -- "${WORK:?}/home"
  set_home "$WORK/home"
  say 'Starting a cluster ...'
  "$ROOT/deploy/run.sh" --no-build --home "$HOME_DIR" --port-base "$PORT_BASE" --persistences 1 --detach >"$WORK/run.log" 2>&1 || {
    indented "$WORK/run.log" "$SHOWN_LINES" >&2
    die 'it does not start'
  }
  "$ROOT/.build/release/fantail" load --home "$HOME_DIR" pin 0 all >"$WORK/pin.log" 2>&1 || die "load levels cannot be held: $WORK/pin.log"
  attach
  load
  detach
  "$ROOT/deploy/stop.sh" --home "$HOME_DIR" >/dev/null 2>&1 || true
  say "Reading $(($(stat -c %s -- "$WORK/trace") / 1024 / 1024)) MiB ..."
  python3 "$ROOT/deploy/trace-syncs/judge.py" "$LOG" "$MESSAGES" <"$WORK/trace"
}

read_arguments() {
  MESSAGES=100000 USERS=128 PORT_BASE=13000 KEEP='' BUILD=1
  while (($# > 0)); do
    case $1 in
      --messages | --users | --port-base)
        [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "$1 needs a number"
        case $1 in
          --messages) MESSAGES=$2 ;;
          --users) USERS=$2 ;;
          --port-base) PORT_BASE=$2 ;;
        esac
        shift
        ;;
      --keep) KEEP=1 ;;
      --no-build) BUILD='' ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  ((USERS % 2 == 0)) || usage_error '--users must be an even number: they chat in pairs'
}

# attach: strace at all threads of persistence. It writes a file and no pipe: a pipe that is full loses it what it had to say.
attach() {
  local pid looks
  load_nodes
  pid=$(node_pid persistence-1)
  ((pid)) || die 'persistence does not run'
  LOG=$(find "/proc/$pid/fd" -lname '*-wal' -printf '%l\n' | head -n 1)
  [[ -n $LOG ]] || die "persistence has no log open: see $LOG_DIR/persistence-1.log"
  strace -f -y -ttt -xx -s "$STRING_BYTES_MAX" -e trace="$CALLS" -o "$WORK/trace" -p "$pid" >"$WORK/strace.log" 2>&1 &
  TRACER=$!
  for ((looks = 0; looks < STOP_LOOKS_MAX; looks++)); do
    is_running "$TRACER" || die "strace may not trace here: $WORK/strace.log"
    if is_traced "$pid"; then return; fi
    sleep "$LOOK_SECONDS"
  done
  die "strace did not attach: $WORK/strace.log"
}

# is_traced PID: every thread of it.
is_traced() {
  local status
  for status in "/proc/$1/task"/*/status; do
    ! grep -q '^TracerPid:[[:space:]]0$' -- "$status" || return 1
  done
}

# load: until bench's authors have heard `sent` for as many messages as are wanted. That a run was too slow for its own verdict
# is no matter here, and the next one makes up for it.
load() {
  local sum=0 count seconds=$FIRST_SECONDS loads
  for ((loads = 0; loads < LOADS_MAX && sum < MESSAGES; loads++)); do
    rm -f -- "$WORK/bench.json"
    "$BENCH" chat --home "$HOME_DIR" --users "$USERS" --window 1 --warm 0 --seconds "$seconds" --drain 30 --encoding binary --presence none \
      --json "$WORK/bench.json" --quiet >"$WORK/bench.log" 2>&1 </dev/null || warn "bench is not content: $WORK/bench.log"
    [[ -s $WORK/bench.json ]] || die "bench does not run: $WORK/bench.log"
    count=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["acked"])' "$WORK/bench.json")
    sum=$((sum + count))
    say "$sum messages"
    # A tenth more than the rate so far asks for.
    seconds=$(((MESSAGES - sum) * seconds * 11 / 10 / (count > 0 ? count : 1) + 1))
    ((seconds <= LOAD_SECONDS_MAX)) || seconds=$LOAD_SECONDS_MAX
  done
  ((sum >= MESSAGES)) || die "only $sum messages in $LOADS_MAX loads"
}

# detach: a second later, when no call is on its way any more.
detach() {
  sleep 1
  kill -s TERM "$TRACER"
  wait "$TRACER" || true
  TRACER=0
}

leave() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  if ((TRACER)); then kill -s TERM "$TRACER" 2>/dev/null || true; fi
  "$ROOT/deploy/stop.sh" --home "$HOME_DIR" >/dev/null 2>&1 || true
  rm -rf -- "${WORK:?}/home"
  [[ -n $KEEP ]] || rm -f -- "$WORK/trace"
  exit "$status"
}

main "$@"
