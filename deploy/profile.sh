#!/usr/bin/env bash
# Says where the microseconds of one exchange, or of one delivery in a group, go: by service, and by kind of work.
#
#   deploy/profile.sh [options] [-- [group] OPTIONS OF bench chat OR group]
#
#   --seconds S    how long to look; default 8
#   --functions N  also the N functions of each service in which most samples lie; default none
#   --markdown     the table as docs/performance.md shows it
#
# Starts a cluster of its own, loads it with `bench chat` (without options: 1,000 users, window 1, binary), or with `bench
# group` when the first word behind -- says so, lets `perf` take samples of all services meanwhile, and shares out what bench
# measured per exchange by where the samples lie: a sample in
# the kernel belongs to the system call it came in by, one outside to the library or to our own code.
# Exit status: 0 measured; 1 something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=profile.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly WORK=$ROOT/.build/profile
# Away from the port of a cluster that somebody chats on (7000) and of those that tests start.
readonly PORT_BASE=12000
# Samples a second on each core; a prime, so that no timer of ours keeps step with it.
readonly SAMPLE_RATE=1999
# Connections and a warm cluster, seconds, before the first sample.
readonly WARM=4

main() {
  read_arguments "$@"
  command -v perf >/dev/null || die 'to take samples, type: apt-get install -y --no-install-recommends linux-perf'
  command -v python3 >/dev/null || die 'to count them, type: apt-get install -y --no-install-recommends python3'
  mkdir -p -- "$WORK"
  rm -rf -- "${WORK:?}/home"
  trap stop_cluster EXIT
  trap 'exit 1' INT TERM
  say 'Starting a cluster ...'
  "$ROOT/deploy/run.sh" --home "$WORK/home" --port-base "$PORT_BASE" --detach >"$WORK/run.log" 2>&1 || {
    indented "$WORK/run.log" "$SHOWN_LINES" >&2
    die 'it does not start'
  }
  take_samples
  show_table
}

read_arguments() {
  LOOK=8 MARKDOWN='' FUNCTIONS=0 SCENARIO=chat LOAD=(--users 1000 --window 1 --encoding binary)
  while (($# > 0)); do
    case $1 in
      --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ ]] || usage_error "$1 needs a number"
        LOOK=$2
        shift
        ;;
      --functions)
        [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ ]] || usage_error "$1 needs a number"
        FUNCTIONS=$2
        shift
        ;;
      --markdown) MARKDOWN=1 ;;
      --)
        shift
        if [[ ${1:-} == chat || ${1:-} == group ]]; then
          SCENARIO=$1
          shift
        fi
        LOAD=("$@")
        break
        ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
}

stop_cluster() { "$ROOT/deploy/stop.sh" --home "$WORK/home" >/dev/null 2>&1 || true; }

take_samples() {
  local pids='' name loader
  set_home "$WORK/home"
  load_nodes
  for name in "${NODES[@]}"; do pids+=,$(node_pid "$name"); done
  say "Sampling for $LOOK s ..."
  "$ROOT/.build/release/bench" "$SCENARIO" --home "$WORK/home" --warm "$WARM" --seconds "$LOOK" "${LOAD[@]}" \
    --json "$WORK/bench.json" >"$WORK/bench.log" 2>&1 &
  loader=$!
  sleep "$WARM"
  perf record -q -F "$SAMPLE_RATE" -g -p "${pids#,}" -o "$WORK/perf.data" -- sleep "$LOOK" >"$WORK/perf.log" 2>&1 ||
    die "perf takes no samples here: $WORK/perf.log"
  wait "$loader" || die "bench says no: $WORK/bench.log"
  perf script -i "$WORK/perf.data" -F comm,ip,sym,dso >"$WORK/samples" 2>>"$WORK/perf.log"
}

show_table() {
  python3 - "$WORK/samples" "$WORK/bench.json" "$MARKDOWN" "$FUNCTIONS" <<'PYTHON'
import collections, json, sys

bench = json.load(open(sys.argv[2]))
noun = "delivery" if bench["scenario"] == "group" else "exchange"
SERVICES = ["gateway", "parser", "session", *(["group"] if noun == "delivery" else []), "persistence"]
CALLS = {"sendto": "send", "recvfrom": "receive", "epoll_wait": "wait", "epoll_ctl": "wait", "poll": "wait",
         "pwrite64": "write file", "write": "write file", "pread64": "read file", "read": "wait",
         "fdatasync": "sync", "fsync": "sync"}
KINDS = ["wait", "receive", "send", "write file", "read file", "sync", "other kernel", "SQLite", "Swift runtime", "libc", "our code"]

def kind(frames):
    symbol, library = frames[0]
    if "kernel" in library:
        for name, _ in frames:
            if name.startswith("__x64_sys_"):
                return CALLS.get(name.removeprefix("__x64_sys_"), "other kernel")
        return "other kernel"
    if "sqlite" in library: return "SQLite"
    if "libswift" in library: return "Swift runtime"
    if "libc.so" in library or "ld-linux" in library or "vdso" in library: return "libc"
    return "our code"

counts = collections.Counter()
functions = collections.Counter()
for block in open(sys.argv[1], errors="replace").read().split("\n\n"):
    lines = block.strip().split("\n")
    if len(lines) < 2: continue
    frames = []
    for line in lines[1:]:
        words = line.split()
        frames.append((words[1] if len(words) > 1 else "", words[-1]))
    service = lines[0].strip().split()[0][:15]
    counts[service, kind(frames)] += 1
    functions[service, frames[0][0] or frames[0][1]] += 1

cpu = bench[f"cpu_us_per_{noun}"]
sums = {service: sum(counts[service, k] for k in KINDS) for service in SERVICES}
share = lambda service, k: cpu[service] * counts[service, k] / max(sums[service], 1)
rows = [["all", *(f"{cpu[s]:.1f}" for s in SERVICES), f'{sum(cpu[s] for s in SERVICES):.1f}']]
for k in KINDS:
    figures = [share(s, k) for s in SERVICES]
    rows.append([k, *(f"{f:.1f}" if f >= 0.05 else "-" for f in figures), f"{sum(figures):.1f}"])
titles = [f"us per {noun}", *SERVICES, "together"]
if sys.argv[3]:
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    for row in rows: print("| " + " | ".join(row) + " |")
else:
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, *rows]:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))
per_second = bench["deliveries_per_second" if noun == "delivery" else "exchanges_per_second"]
print(f'\n{per_second:.0f} a second, {sum(sums.values())} samples')
for service in SERVICES if int(sys.argv[4]) else []:
    print(f"\n{service}, us per {noun}")
    own = collections.Counter({name: count for (of, name), count in functions.items() if of == service})
    for name, count in own.most_common(int(sys.argv[4])): print(f"{cpu[service] * count / max(sums[service], 1):8.2f}  {name}")
PYTHON
}

main "$@"
