#!/usr/bin/env bash
# Runs a cluster of its own under load, kills and freezes its services at random, cuts their cables, changes the cluster, fills its
# disk, and counts what was lost.
#
#   deploy/torture.sh [options]
#
#   --seconds S         how long the faults last; default 300
#   --seed N            draws the same faults at the same times as another run with N; default: a new one, printed
#   --users N           clients, half of them write to the other half; default 100
#   --rate R            messages a second over all of them; default 200
#   --groups N          groups that are written to beside them; 0: none; default 4
#   --members M         clients in each group, other ones; up to three of them write; default 8
#   --group-rate R      messages a second over all groups; default 20
#   --files N           writers of files, each of whom puts one, tells of it in a message, and puts the next; 0: none; default 2
#   --partitions N      of the store, each with a process and a file of its own, so that some can be away; default 3
#   --archive           keep messages for ever; default: until they are delivered
#   --postgres          messages are in a PostgreSQL server, which is crashed instead of a disk filled, the first time as the first
#                       fault; no damaged file is tried
#   --home DIR          where the cluster is made, and kept; it must be empty. Default: a temporary folder, removed at the end
#   --port-base N       as for deploy/run.sh; default 12000
#   --no-build          run what was built before
#   --judge FILE        only judge the report that `bench chat --json` wrote
#   --judge-group FILE  the same for `bench group --json`; both options may stand together
#
# Every 1.5 to 4 seconds a fault strikes: one service, or all of a role, or all there are, is killed by KILL; one is
# stopped for 0.2 to 8 s and continued; one is asked to go by TERM; the disk under persistence is filled for 3 to 8 s (on a
# small file system of its own, which needs root). The services are on three hosts, which are network namespaces (root, too): one of
# them is cut off, deaf to another one, loses a fifth of its packets, or has a slow cable, for 0.2 to 8 s. And the cluster file changes:
# nodes are drained, get another weight, join and leave. The launcher of deploy/run.sh starts again what died. When the faults are
# over, everything must be ready within 30 s, every message must have arrived within 60 s, and at last a copy of the database
# is damaged, and persistence must refuse it. `bench chat` and `bench group` are the load, and know what they sent; `fantail media` and
# `fantail send` move files, and whatever was put and kept must come back from its message with the same hash.
#
# Exit status: 0 the verdict is clean; 1 a line of it is broken, or something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=torture.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=deploy/torture/load.sh
. "$ROOT/deploy/torture/load.sh"
# shellcheck source=deploy/torture/faults.sh
. "$ROOT/deploy/torture/faults.sh"
# shellcheck source=deploy/torture/hosts.sh
. "$ROOT/deploy/torture/hosts.sh"
# shellcheck source=deploy/torture/changes.sh
. "$ROOT/deploy/torture/changes.sh"
# shellcheck source=deploy/torture/verdict.sh
. "$ROOT/deploy/torture/verdict.sh"

# The cluster: two of what can stand in for each other. Partitions come to it.
readonly COUNTS=(--gateways 2 --parsers 2 --sessions 3 --groups 2 --last-seens 1 --medias 1)
# Drawn from: each kind of fault as often as it stands here.
readonly KINDS=(
  kill kill kill kill kill kill kill stop stop stop stop stop stop term term role role full full all
  cut cut deaf deaf lossy slow change change change change
)
# The pause between two faults, centiseconds: shorter than some faults last, so that they meet.
readonly PAUSE_MIN=150 PAUSE_MAX=400
# A verdict needs so many faults: one for every so many seconds of the run.
readonly SECONDS_PER_FAULT_MAX=5
# So many members of each group write; all of them in a smaller one.
readonly AUTHORS_MAX=3
# What is still on its way at the end has so long, seconds: the client's longest backoff, twice.
readonly DRAIN_SECONDS=60
# Files of one writer: what can be read again in two minutes. And what one command of theirs may take before it is tried again, seconds.
readonly FILES_MAX=250 FILE_PATIENCE=5
# The file system of its own, for all partitions.
readonly DISK_BYTES=$((192 * 1024 * 1024))

LINES=()
BROKEN=0
DISK=''
MADE_HOME=''
# By load, `chat` and `group`: the process of bench, 0 when it has been waited for.
declare -A LOAD_PIDS=()
# Writers of files.
FILER_PIDS=()
declare -A HITS=([kill]=0 [stop]=0 [term]=0 [role]=0 [full]=0 [all]=0 [cut]=0 [deaf]=0 [lossy]=0 [slow]=0 [change]=0)
# What ends by itself: "due pid name" of stopped processes, and when the disk is emptied again (0: it is not full).
STOPPED_NODES=()
FULL_UNTIL=0

main() {
  read_arguments "$@"
  if [[ -n $JUDGE$JUDGE_GROUP ]]; then
    [[ -z $JUDGE ]] || judge_chat "$JUDGE"
    [[ -z $JUDGE_GROUP ]] || judge_group "$JUDGE_GROUP"
    show_verdict
    return
  fi
  [[ -z $BUILD ]] || build
  trap 'exit 1' INT TERM HUP
  trap leave EXIT
  make_home
  start
  torture
  settle
  judge_chat "$HOME_DIR/chat.json"
  ((GROUP_COUNT == 0)) || judge_group "$HOME_DIR/group.json"
  ((FILER_COUNT == 0)) || judge_files
  damage
  show_verdict
}

read_arguments() {
  local home=''
  TORTURE_SECONDS=300 SEED='' USERS=100 RATE=200 GROUP_COUNT=4 MEMBERS=8 GROUP_RATE=20 FILER_COUNT=2 PARTITIONS=3 PORT_BASE=12000 BUILD=1
  JUDGE='' JUDGE_GROUP='' MODE=() POSTGRES=''
  while (($# > 0)); do
    case $1 in
      --seconds | --seed | --users | --rate | --groups | --members | --group-rate | --files | --partitions | --port-base)
        [[ "$1 ${2:-}" == '--groups 0' || "$1 ${2:-}" == '--files 0' || ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "$1 needs a number"
        case $1 in
          --seconds) TORTURE_SECONDS=$2 ;;
          --seed) SEED=$2 ;;
          --users) USERS=$2 ;;
          --rate) RATE=$2 ;;
          --groups) GROUP_COUNT=$2 ;;
          --members) MEMBERS=$2 ;;
          --group-rate) GROUP_RATE=$2 ;;
          --files) FILER_COUNT=$2 ;;
          --partitions) PARTITIONS=$2 ;;
          --port-base) PORT_BASE=$2 ;;
        esac
        shift
        ;;
      --home)
        home=$(option_value "$@")
        shift
        ;;
      --judge)
        JUDGE=$(option_value "$@")
        shift
        ;;
      --judge-group)
        JUDGE_GROUP=$(option_value "$@")
        shift
        ;;
      --archive) MODE+=(--archive) ;;
      --postgres)
        MODE+=(--postgres)
        POSTGRES=1
        ;;
      --no-build) BUILD='' ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  : "${SEED:=$((${EPOCHREALTIME/[.,]/} % 1000000000 + 1))}"
  BIN_DIR=$ROOT/.build/release
  HOME_WANTED=$home
}

build() {
  local product log=$ROOT/.build/torture-build.log
  require_swift
  mkdir -p -- "$ROOT/.build"
  require_libraries "$log"
  for product in gateway parser session group last-seen persistence media fantail bench; do
    swift build --package-path "$ROOT" -c release --product "$product" >"$log" 2>&1 || {
      grep -E 'error:' -- "$log" | sort -u | head -n 20 >&2 || tail -n 20 -- "$log" >&2
      die "building $product failed; everything the compiler said is in $log"
    }
  done
}

# --- before -------------------------------------------------------------------------------------------------------------

make_home() {
  local product
  for product in persistence media fantail bench; do
    [[ -x $BIN_DIR/$product ]] || die "$BIN_DIR/$product is not built: type deploy/torture.sh without --no-build"
  done
  if [[ -n $HOME_WANTED ]]; then
    set_home "$HOME_WANTED"
    [[ ! -e $HOME_DIR || -z $(ls -A -- "$HOME_DIR") ]] || die "$HOME_DIR is not empty"
    mkdir -p -- "$HOME_DIR"
  else
    MADE_HOME=$(mktemp -d -t fantail-torture.XXXXXX)
    set_home "$MADE_HOME"
  fi
  mount_disk
}

start() {
  local made=(--port-base "$PORT_BASE" "${COUNTS[@]}" --persistences "$PARTITIONS" "${MODE[@]}")
  make_hosts
  if [[ -n $SWITCH ]]; then
    "$BIN_DIR/fantail" cluster init --home "$HOME_DIR" "${made[@]}" >"$HOME_DIR/init.log" || die "the cluster cannot be made: $HOME_DIR/init.log"
    place_nodes
    made=()
  fi
  "$ROOT/deploy/run.sh" --no-build --detach --home "$HOME_DIR" "${made[@]}" >"$HOME_DIR/run.log" || die "the cluster does not start"
  load_nodes
  start_load chat --users "$USERS" --rate "$RATE"
  if ((GROUP_COUNT > 0)); then
    start_load group --groups "$GROUP_COUNT" --members "$MEMBERS" --authors $((MEMBERS < AUTHORS_MAX ? MEMBERS : AUTHORS_MAX)) \
      --rate "$GROUP_RATE"
  fi
  start_filers
  say "Seed $SEED: ${#NODES[@]} services in $HOME_DIR, $USERS users, $RATE messages/s, $GROUP_COUNT groups$(
    ((GROUP_COUNT == 0)) || printf ' of %s, %s messages/s' "$MEMBERS" "$GROUP_RATE"
  ), $FILER_COUNT writers of files, $TORTURE_SECONDS s of faults."
}

# --- the time of faults -------------------------------------------------------------------------------------------------

# draw N: DRAWN is a number from 0 to N - 1, from a generator that knows nothing but the seed.
draw() {
  DICE=$(((DICE * 25214903917 + 11) & 0xFFFFFFFFFFFF))
  DRAWN=$(((DICE >> 17) % $1))
}

# Everything is drawn before it is known who runs, so that the n-th fault of a seed is always the same.
torture() {
  local began now due end kind node length
  local is_first=1
  # Stirred, or small seeds would all begin alike.
  DICE=$((SEED * 0x9E3779B97F4A7C15))
  began=$(($(centiseconds) + 200))
  BEGAN=$began
  end=$((began + 100 * TORTURE_SECONDS))
  due=$began
  while true; do
    draw $((PAUSE_MAX - PAUSE_MIN))
    due=$((due + PAUSE_MIN + DRAWN))
    draw ${#KINDS[@]}
    kind=${KINDS[DRAWN]}
    draw ${#NODES[@]}
    node=${NODES[DRAWN]}
    draw 780
    length=$((20 + DRAWN))
    ((due < end)) || break
    # A database is crashed once at least, whatever the seed says.
    if [[ -n $POSTGRES && -n $is_first ]]; then kind=full; fi
    is_first=''
    until now=$(centiseconds) && ((now >= due)); do
      end_faults "$now"
      require_loads
      sleep 0.1
    done
    strike "$kind" "$node" "$length"
  done
  until now=$(centiseconds) && ((now >= end)); do
    end_faults "$now"
    sleep 0.1
  done
  end_faults
  : >"$HOME_DIR/files/stop"
}

note() { printf '%7.1f s  %s\n' "$((($(centiseconds) - BEGAN) / 10))e-1" "$1"; }

# --- after --------------------------------------------------------------------------------------------------------------

# settle: waits until everybody is ready, and for the loads to end.
settle() {
  local began name missing kind sum=0
  began=$(centiseconds)
  end_changes
  load_nodes
  while true; do
    missing=''
    for name in "${NODES[@]}"; do readiness "$name" >/dev/null || missing+=" $name"; done
    if [[ -z $missing ]] || (($(centiseconds) - began > READY_CENTISECONDS_MAX)); then break; fi
    sleep "$LOOK_SECONDS"
  done
  for kind in "${!HITS[@]}"; do sum=$((sum + HITS[$kind])); done
  line "$((sum * SECONDS_PER_FAULT_MAX >= TORTURE_SECONDS))" 'faults' "$sum" \
    "${HITS[kill]} killed, ${HITS[stop]} stopped, ${HITS[term]} asked to go, ${HITS[role]} roles, ${HITS[all]} times all, ${HITS[full]} $([[ -n $POSTGRES ]] && printf 'crashes of the database' || printf 'full disks')"
  [[ -z $POSTGRES ]] || line "$((HITS[full] > 0))" 'crashes of the database' "${HITS[full]}" 'must be more than 0'
  if [[ -n $SWITCH ]]; then
    line 1 'troubles with cables' "$((HITS[cut] + HITS[deaf] + HITS[lossy] + HITS[slow]))" \
      "${HITS[cut]} cut, ${HITS[deaf]} deaf to another host, ${HITS[lossy]} lossy, ${HITS[slow]} slow"
  else
    line 1 'troubles with cables' 'NOT TESTED' "$HOSTS_TROUBLE"
  fi
  line 1 'changes of the cluster' "${HITS[change]}" 'drained, stayed, another weight, joined, left'
  if [[ -n $DISK ]]; then
    line 1 'disk was too full to write' "$(cat -- "$LOG_DIR"/persistence-*.log | grep -c '"disk_full"')" 'as persistence logged'
  else
    line 1 'full disk' 'NOT TESTED' "$DISK_TROUBLE"
  fi
  line "$((${#missing} == 0))" 'ready again after the last fault' "$(seconds_since "$began")" "at most $((READY_CENTISECONDS_MAX / 100)) s${missing:+; not ready:$missing}"
  judge_epochs
  await_loads "$began"
  await_filers
}

seconds_since() { printf '%.1f s' "$((($(centiseconds) - $1) / 10))e-1"; }

# leave: whatever ends this script, nobody and nothing mounted stays behind. What a broken run wrote is kept.
leave() {
  local status=$? load pid
  trap '' INT TERM HUP
  trap - EXIT
  # Each step, whatever became of the one before.
  set +eu
  for load in "${!LOAD_PIDS[@]}"; do
    if is_running "${LOAD_PIDS[$load]}"; then kill -s TERM "${LOAD_PIDS[$load]}" 2>/dev/null || true; fi
  done
  [[ ! -d ${HOME_DIR:-}/files ]] || : >"$HOME_DIR/files/stop"
  for pid in "${FILER_PIDS[@]}"; do
    if is_running "$pid"; then kill -s TERM "$pid" 2>/dev/null || true; fi
  done
  if [[ -n ${CLUSTER_FILE:-} ]]; then
    end_faults
    if [[ -d $RUN_DIR ]]; then "$ROOT/deploy/stop.sh" --home "$HOME_DIR" >>"$HOME_DIR/run.log" 2>&1 || true; fi
  fi
  remove_hosts
  if [[ -n $DISK ]]; then
    # For whoever wants to look at what is kept, after the file system has gone.
    if ((status != 0)) || [[ -z $MADE_HOME ]]; then cp -r -- "$DISK" "$HOME_DIR/persistence.kept" 2>/dev/null || true; fi
    umount -- "$DISK" 2>/dev/null || umount -l -- "$DISK" || true
    rm -f -- "$HOME_DIR/disk.img"
  fi
  if ((status != 0)) && [[ -n ${HOME_DIR:-} && -d ${HOME_DIR:-} ]]; then
    warn "what the run wrote is kept in $HOME_DIR"
  elif [[ -n $MADE_HOME ]]; then
    rm -rf -- "$MADE_HOME"
  fi
  exit "$status"
}

main "$@"
