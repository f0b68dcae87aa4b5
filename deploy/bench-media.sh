#!/usr/bin/env bash
# Measures files beside nginx, in one run on one machine.
#
#   deploy/bench-media.sh [options]
#
#   --rounds N       how often everything is measured; the table shows medians; default 3
#   --seconds S      how long downloads are measured in each; default 6
#   --connections C  at once; default 4
#   --markdown       the table as docs/performance.md shows it
#
# A cluster of its own takes files over the chat's links, and nginx gives out the same files from the same folder (sendfile, one worker
# a core) and takes others by PUT; each round measures one behind the other, for files of 64 KiB, 1 MiB and 16 MiB. Uploads to
# Fantail are hashed, checked and synced before their 201; nginx does none of that. CPU is user + system time of all processes that move the bytes, from
# /proc/PID/stat: the media service's, and all of nginx; the load is not in it.
# nginx has to be installed: apt-get install -y --no-install-recommends nginx-light
# Exit status: 0 measured; 1 something is in the way, or a run broke its verdict; 64 a wrong option.

set -euo pipefail
SCRIPT=bench-media.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly BENCH=$ROOT/.build/release/bench
readonly PORT_BASE_OWN=18000 PEER_PORT=18090
# KiB of a file, and how many of them.
readonly SIZES=('64 512' '1024 128' '16384 16')
WORK=''

main() {
  read_arguments "$@"
  command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] || die 'to measure, type: apt-get install -y --no-install-recommends nginx-light'
  [[ -x $BENCH ]] || die "$BENCH is not built: swift build -c release"
  trap 'exit 1' INT TERM HUP
  trap leave EXIT
  WORK=$(mktemp -d -t fantail-media.XXXXXX)
  set_home "$WORK/home"
  "$ROOT/deploy/run.sh" --no-build --detach --home "$HOME_DIR" --port-base "$PORT_BASE_OWN" --medias 1 >"$WORK/run.log" ||
    die "the cluster does not start: $(tail -n 3 -- "$WORK/run.log")"
  start_peer
  local round size
  for ((round = 1; round <= ROUNDS; round++)); do
    for size in "${SIZES[@]}"; do
      # shellcheck disable=SC2086 # two words: KiB and count
      measure $size "$round"
    done
  done
  show_table
}

read_arguments() {
  ROUNDS=3 RUN_SECONDS=6 CONNECTIONS=4 MARKDOWN=''
  while (($# > 0)); do
    case $1 in
      --rounds | --seconds | --connections)
        [[ ${2:-} =~ ^[1-9][0-9]{0,2}$ ]] || usage_error "$1 needs a number"
        case $1 in
          --rounds) ROUNDS=$2 ;;
          --seconds) RUN_SECONDS=$2 ;;
          --connections) CONNECTIONS=$2 ;;
        esac
        shift
        ;;
      --markdown) MARKDOWN=1 ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
}

# start_peer: nginx with a configuration and a pid file of its own. It reads the folder of media, which only its owner may.
start_peer() {
  local user=''
  ((EUID != 0)) || user='user root;'
  mkdir -p -- "$WORK/put" "$WORK/temporary"
  cat >"$WORK/nginx.conf" <<CONF
$user
worker_processes auto;
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events { worker_connections 512; }
http {
  access_log off;
  sendfile on;
  sendfile_max_chunk 2m;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path $WORK/temporary;
  client_max_body_size 200m;
  server {
    listen 127.0.0.1:$PEER_PORT;
    location / { root $HOME_DIR/media/media-1/files; }
    location /put/ { root $WORK; dav_methods PUT; }
  }
}
CONF
  PATH=$PATH:/usr/sbin nginx -c "$WORK/nginx.conf" -e "$WORK/nginx.log" || die "nginx does not start: $(tail -n 2 -- "$WORK/nginx.log")"
}

# measure KIB COUNT ROUND
measure() {
  "$BENCH" media --home "$HOME_DIR" --kib "$1" --files "$2" --connections "$CONNECTIONS" --seconds "$RUN_SECONDS" \
    --peer "127.0.0.1:$PEER_PORT" --peer-pid "$(cat -- "$WORK/nginx.pid")" --json "$WORK/$1-$3.json" >"$WORK/bench.log" 2>&1 ||
    die "bench says no: $(tail -n 5 -- "$WORK/bench.log")"
  say "round $3, files of $1 KiB:$(sed -n 's/^ *\(upload\|download\), of the peer.s *\([0-9.]*\).*/ \1 \2 of nginx/p' "$WORK/bench.log" | tr '\n' ',' | sed 's/,$//')"
}

show_table() {
  python3 - "$WORK" "$MARKDOWN" <<'PYTHON'
import json, pathlib, statistics, sys

folder, is_markdown = sys.argv[1:]
runs = {}
for path in pathlib.Path(folder).glob("*-*.json"):
    kib = int(path.stem.split("-")[0])
    text = json.loads(path.read_text())
    flat = {}
    def gather(value):
        for key, inner in value.items():
            if isinstance(inner, dict): gather(inner)
            else: flat[key] = inner
    gather(text)
    runs.setdefault(kib, []).append(flat)
titles = ["files", "way", "Fantail, MB per CPU s", "nginx, MB per CPU s", "ratio", "Fantail, MB/s", "nginx, MB/s"]
rows = []
for kib in sorted(runs):
    for way in ("upload", "download"):
        def median(key): return statistics.median(run[key] or 0 for run in runs[kib])
        own, peer = median(f"mb_per_cpu_second_{way}"), median(f"mb_per_cpu_second_peer_{way}")
        ratio = statistics.median((run[f"mb_per_cpu_second_{way}"] or 0) / (run[f"mb_per_cpu_second_peer_{way}"] or 1) for run in runs[kib])
        size = f"{kib} KiB" if kib < 1024 else f"{kib // 1024} MiB"
        rows.append([size, way, f"{own:,.0f}", f"{peer:,.0f}", f"{ratio:.2f}", f"{median(f'mb_per_second_{way}'):,.0f}", f"{median(f'mb_per_second_peer_{way}'):,.0f}"])
if is_markdown:
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    for row in rows: print("| " + " | ".join(row) + " |")
else:
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    for row in [titles, *rows]: print("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))))
PYTHON
}

leave() {
  local status=$? pid
  trap '' INT TERM HUP
  trap - EXIT
  set +eu
  if [[ -n $WORK ]]; then
    if [[ -s $WORK/nginx.pid ]]; then
      pid=$(cat -- "$WORK/nginx.pid")
      kill -s TERM "$pid"
    fi
    [[ ! -d $HOME_DIR ]] || "$ROOT/deploy/stop.sh" --home "$HOME_DIR" >/dev/null 2>&1
    rm -rf -- "$WORK"
  fi
  exit "$status"
}

main "$@"
