#!/usr/bin/env bash
# What happens when a gateway dies that many clients are at: how soon they are back and in sync, and what others notice.
#
#   deploy/bench-storm.sh [options]
#
#   --users N        clients at the gateway that is killed; default 15000
#   --bystanders N   clients at the other gateway, who write to each other; default 1000
#   --rate R         messages a second between bystanders; default 500
#   --back-within S  the verdict on the time until everybody is back and in sync; default 10
#   --json FILE      write the storm's report as JSON too
#   --port-base N    as for deploy/run.sh; default 15000
#   --no-build       run what was built before
#
# Two processes of the load tool, because the one that reconnects thousands is too busy to time others: `bench storm --kill`, and
# `bench chat --gateway gateway-2` beside it, whose latencies are told second by second. A second is one of the storm when it
# lies between the kill and the return of the last client. The verdict on bystanders: the median p99 of the seconds in the storm
# is at most 3 times the median p99 of those before it.
#
# Exit status: 0 every line of both verdicts is kept; 1 one is broken, or something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=bench-storm.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Before the storm the bystanders are watched this long, seconds: connecting 15,000 users takes longer in most cases.
readonly CALM_SECONDS=10
# The longest that connecting, the storm and what follows may take, seconds: the bystanders write as long.
readonly WATCH_SECONDS=60
readonly RATIO_MAX=3

MADE_HOME=''
CHAT_PID=0

main() {
  local users=15000 bystanders=1000 rate=500 within=10 port_base=15000 json='' build=1 status=0
  while (($# > 0)); do
    case $1 in
      --users | --bystanders | --rate | --back-within | --port-base)
        [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "$1 needs a number"
        case $1 in
          --users) users=$2 ;;
          --bystanders) bystanders=$2 ;;
          --rate) rate=$2 ;;
          --back-within) within=$2 ;;
          --port-base) port_base=$2 ;;
        esac
        shift
        ;;
      --json)
        json=$(option_value "$@")
        shift
        ;;
      --no-build) build='' ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  BENCH=$ROOT/.build/release/bench
  if [[ -n $build ]]; then
    require_swift
    swift build --package-path "$ROOT" -c release >"$ROOT/.build/bench-storm-build.log" 2>&1 || die "the build failed: $ROOT/.build/bench-storm-build.log"
  fi
  [[ -x $BENCH ]] || die "$BENCH is not built: type deploy/bench-storm.sh without --no-build"
  command -v python3 >/dev/null || die 'python3 is missing: it reads the reports'

  trap 'exit 1' INT TERM HUP
  trap leave EXIT
  MADE_HOME=$(mktemp -d -t fantail-storm.XXXXXX)
  set_home "$MADE_HOME"
  "$ROOT/deploy/run.sh" --no-build --detach --home "$HOME_DIR" --port-base "$port_base" --gateways 2 >"$HOME_DIR/run.log" || die 'the cluster does not start'
  "$BENCH" chat --home "$HOME_DIR" --gateway gateway-2 --users "$bystanders" --rate "$rate" --warm "$CALM_SECONDS" --seconds "$WATCH_SECONDS" \
    --json "$HOME_DIR/chat.json" --quiet >"$HOME_DIR/chat.log" 2>&1 </dev/null &
  CHAT_PID=$!
  sleep "$CALM_SECONDS"
  "$BENCH" storm --home "$HOME_DIR" --kill --users "$users" --back-within "$within" --json "$HOME_DIR/storm.json" || status=1
  [[ -z $json ]] || cp -- "$HOME_DIR/storm.json" "$json"
  say
  wait "$CHAT_PID" || status=1
  CHAT_PID=0
  judge || status=1
  return "$status"
}

# judge: seconds of the bystanders before the storm, in it, and behind it. Both reports say when they began on the machine's steady clock.
judge() {
  python3 - "$HOME_DIR/chat.json" "$HOME_DIR/storm.json" "$RATIO_MAX" <<'PYTHON'
import json, statistics, sys

chat, storm = (json.load(open(name)) for name in sys.argv[1:3])
bound = float(sys.argv[3])
cut = (storm["settings"]["cut_at_us"] - chat["settings"]["began_at_us"]) / 1e6
back = cut + (storm["in_sync_ms"] or 1e9) / 1e3
points = [point for point in chat["curve"] if point["p99_us"] is not None and point["phase"] in ("warming", "measuring")]
calm = [point["p99_us"] for point in points if point["at"] <= cut - 1]
within = [point["p99_us"] for point in points if cut < point["at"] <= back + 1]
after = [point["p99_us"] for point in points if point["at"] > back + 2]
print(f"Bystanders, send to receipt, p99 of each second, ms (the storm lasted {back - cut:.1f} s)")
for name, values in ("before", calm), ("in the storm", within), ("behind it", after):
    told = f"median {statistics.median(values) / 1e3:8.2f}, worst {max(values) / 1e3:8.2f}" if values else "nothing was measured"
    print(f"{name:14}{len(values):4} seconds: {told}")
print("second by second:", ", ".join(f"{value / 1e3:.0f}" for value in within))
lost = chat["connections_lost"]
print(f"connections that bystanders lost: {lost}")
if not calm or not within:
    sys.exit("BROKEN   nothing to compare")
ratio = statistics.median(within) / statistics.median(calm)
print(f"{'kept' if ratio <= bound else 'BROKEN':8} bystanders' p99 in the storm, by that before{ratio:8.2f}  at most {bound:g}")
print(f"{'kept' if lost == 0 else 'BROKEN':8} bystanders who lost their connection{lost:16}")
sys.exit(0 if ratio <= bound and lost == 0 else 1)
PYTHON
}

leave() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  if ((CHAT_PID)) && is_running "$CHAT_PID"; then kill -s TERM "$CHAT_PID" 2>/dev/null || true; fi
  if [[ -n $MADE_HOME ]]; then
    "$ROOT/deploy/stop.sh" --home "$MADE_HOME" >/dev/null 2>&1 || true
    rm -rf -- "$MADE_HOME"
  fi
  exit "$status"
}

main "$@"
