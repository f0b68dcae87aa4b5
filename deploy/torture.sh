#!/usr/bin/env bash
# Runs a cluster of its own under load, kills and freezes its services at random, fills its disk, and counts what was lost.
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
# small file system of its own, which needs root). The launcher of deploy/run.sh starts again what died. When the faults are
# over, everything must be ready within 30 s, every message must have arrived within 60 s, and at last a copy of the database
# is damaged, and persistence must refuse it. `bench chat` and `bench group` are the load, and know what they sent; `fantail media` and
# `fantail send` move files, and whatever was put and kept must come back from its message with the same hash.
#
# Exit status: 0 the verdict is clean; 1 a line of it is broken, or something is in the way; 64 a wrong option.

set -euo pipefail
SCRIPT=torture.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# The cluster: two of what can stand in for each other. Partitions come to it.
readonly COUNTS=(--gateways 2 --parsers 2 --sessions 3 --groups 2 --last-seens 1 --medias 1)
# Drawn from: each kind of fault as often as it stands here.
readonly KINDS=(kill kill kill kill kill kill kill stop stop stop stop stop stop term term role role full full all)
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
declare -A HITS=([kill]=0 [stop]=0 [term]=0 [role]=0 [full]=0 [all]=0)
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

# --- before -----------------------------------------------------------------------------------------------------------

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

# mount_disk: a real file system, because a sync means nothing in memory. Without root nothing is mounted, and the verdict
# says so.
mount_disk() {
  local image=$HOME_DIR/disk.img folder=$HOME_DIR/persistence
  DISK_TROUBLE=''
  if [[ -n $POSTGRES ]]; then
    DISK_TROUBLE='messages are in a database; it was crashed instead'
    return
  fi
  if ((EUID != 0)); then
    DISK_TROUBLE='only root may mount a small file system'
  elif ! command -v mkfs.ext4 >/dev/null; then
    DISK_TROUBLE='mkfs.ext4 is missing (e2fsprogs)'
  else
    mkdir -m 700 -- "$folder"
    truncate -s "$DISK_BYTES" -- "$image"
    if mkfs.ext4 -q -m 0 "$image" 2>"$HOME_DIR/mount.log" && mount -o loop "$image" "$folder" 2>>"$HOME_DIR/mount.log"; then
      DISK=$folder
      chmod 700 -- "$folder"
    else
      DISK_TROUBLE="a file system in a file cannot be mounted here ($(tail -n 1 -- "$HOME_DIR/mount.log"))"
      rm -f -- "$image"
    fi
  fi
  if [[ -n $DISK_TROUBLE ]]; then warn "A FULL DISK IS NOT TESTED: $DISK_TROUBLE"; fi
}

start() {
  "$ROOT/deploy/run.sh" --no-build --detach --home "$HOME_DIR" --port-base "$PORT_BASE" "${COUNTS[@]}" --persistences "$PARTITIONS" "${MODE[@]}" \
    >"$HOME_DIR/run.log" || die "the cluster does not start"
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

# start_load chat|group OPTION...: each load names its users for itself, so that they share the cluster and nothing else.
# Two seconds of warm-up, so that every client is there when the first fault strikes.
start_load() {
  local scenario=$1
  shift
  "$BIN_DIR/bench" "$scenario" --home "$HOME_DIR" "$@" --warm 2 --seconds "$TORTURE_SECONDS" --drain "$DRAIN_SECONDS" \
    --json "$HOME_DIR/$scenario.json" </dev/null >"$HOME_DIR/$scenario.log" 2>&1 &
  LOAD_PIDS[$scenario]=$!
}

start_filers() {
  local number
  mkdir -p -- "$HOME_DIR/files"
  for ((number = 1; number <= FILER_COUNT; number++)); do
    file_away "$number" </dev/null >/dev/null 2>&1 &
    FILER_PIDS+=($!)
  done
}

# file_away NUMBER: puts files, and tells of each in a message, until somebody says stop. `kept` has the hash and the line of what was put
# and kept, `sent` what was told of; each file has an author of its own, because a user may have so many uploads open.
file_away() {
  local folder=$HOME_DIR/files/$1 count=0 author hash line pause
  # So that they last until the end.
  printf -v pause '%d.%03d' $((TORTURE_SECONDS / FILES_MAX)) $((TORTURE_SECONDS * 1000 / FILES_MAX % 1000))
  mkdir -p -- "$folder"
  while [[ ! -e $HOME_DIR/files/stop ]] && ((count < FILES_MAX)); do
    sleep "$pause"
    count=$((count + 1)) author=filer-$1-$count
    head -c $((RANDOM * 40 + 1)) /dev/urandom >"$folder/file"
    read -r hash _ < <(sha256sum <"$folder/file")
    if ! line=$(run_fantail media put --as "$author" --opaque "$folder/file" 2>>"$folder/refusals"); then
      printf '%s\n' "$count" >>"$folder/failed"
      continue
    fi
    printf '%s %s\n' "$hash" "$line" >>"$folder/kept"
    for _ in {1..12}; do
      if run_fantail send --as "$author" --to "reader-$1" --id "file-$count" "$line" 2>>"$folder/refusals"; then
        printf '%s %s\n' "$hash" "$line" >>"$folder/sent"
        break
      fi
      sleep 0.5
    done
  done
}

# run_fantail COMMAND OPTION...: with our cluster, and without end only so long.
run_fantail() {
  local command=("$1") patience=(--timeout "${FILE_PATIENCE}s")
  # It has no such option: it ends when everything is there.
  [[ $1 != inbox ]] || patience=()
  shift
  if [[ ${command[0]} == media ]]; then
    command+=("$1")
    shift
  fi
  timeout 60 "$BIN_DIR/fantail" "${command[@]}" --home "$HOME_DIR" "${patience[@]}" "$@"
}

require_loads() {
  local load
  for load in "${!LOAD_PIDS[@]}"; do
    is_running "${LOAD_PIDS[$load]}" || die "bench $load has ended too early: $(tail -n 3 -- "$HOME_DIR/$load.log")"
  done
}

# --- faults -----------------------------------------------------------------------------------------------------------

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

# strike KIND NODE CENTISECONDS
strike() {
  local kind=$1 node=$2 length=$3 pid other count=0
  pid=$(node_pid "$node")
  case $kind in
    kill | term)
      ((pid)) || { note "$node would get ${kind^^}, but does not run just now"; return 0; }
      kill -s "${kind^^}" "$pid" 2>/dev/null || return 0
      note "${kind^^} to $node"
      ;;
    stop)
      ((pid)) || { note "$node would be stopped, but does not run just now"; return 0; }
      kill -s STOP "$pid" 2>/dev/null || return 0
      STOPPED_NODES+=("$(($(centiseconds) + length)) $pid $node")
      note "STOP to $node for $((length * 10)) ms"
      ;;
    role | all)
      for other in "${NODES[@]}"; do
        [[ $kind == all || ${ROLE[$other]} == "${ROLE[$node]}" ]] || continue
        pid=$(node_pid "$other")
        if ((pid)) && kill -s KILL "$pid" 2>/dev/null; then count=$((count + 1)); fi
      done
      ((count)) || { note "nobody runs who could be killed"; return 0; }
      if [[ $kind == all ]]; then note "KILL to everybody ($count)"; else note "KILL to every ${ROLE[$node]} ($count)"; fi
      ;;
    full)
      if [[ -n $POSTGRES ]]; then
        crash_database
        HITS[full]=$((HITS[full] + 1))
        return 0
      fi
      [[ -n $DISK ]] || { note 'the disk would be filled; not tested here'; return 0; }
      ((FULL_UNTIL == 0)) || { note 'the disk would be filled, but is full already'; return 0; }
      fill_disk
      FULL_UNTIL=$(($(centiseconds) + 300 + length * 5 / 8))
      note "the disk is full for $((3000 + length * 50 / 8)) ms"
      ;;
  esac
  HITS[$kind]=$((HITS[$kind] + 1))
}

# crash_database: its server ends at once, as by a power cut, and recovers from its log.
crash_database() {
  local pid
  pid=$(head -n 1 -- "$HOME_DIR/postgres/data/postmaster.pid" 2>/dev/null) || pid=
  if [[ -n $pid ]]; then kill -s QUIT "$pid" 2>/dev/null || true; fi
  while [[ -n $pid ]] && is_running "$pid"; do sleep "$LOOK_SECONDS"; done
  start_database || die 'the database does not come back'
  note 'the database crashed and was started again'
}

note() { printf '%7.1f s  %s\n' "$((($(centiseconds) - BEGAN) / 10))e-1" "$1"; }

# fill_disk: most of it at once, and then whatever the file system still gives.
fill_disk() {
  local free
  free=$(stat -f -c '%f*%S' -- "$DISK")
  fallocate -l "$(((free) * 9 / 10))" -- "$DISK/filler" 2>/dev/null || true
  dd if=/dev/zero of="$DISK/filler.rest" bs=64k 2>/dev/null || true
  dd if=/dev/zero of="$DISK/filler.last" bs=4k 2>/dev/null || true
}

empty_disk() {
  rm -f -- "$DISK/filler" "$DISK/filler.rest" "$DISK/filler.last"
  FULL_UNTIL=0
}

# end_faults [NOW]: those that are due; all of them without a time.
end_faults() {
  local now=${1:-9999999999999} line left=() due pid name
  for line in "${STOPPED_NODES[@]}"; do
    read -r due pid name <<<"$line"
    if ((due > now)); then
      left+=("$line")
    elif is_node "$pid" "$name"; then
      kill -s CONT "$pid" 2>/dev/null || true
    fi
  done
  STOPPED_NODES=("${left[@]}")
  if ((FULL_UNTIL > 0 && FULL_UNTIL <= now)); then empty_disk; fi
}

# --- after ------------------------------------------------------------------------------------------------------------

# settle: waits until everybody is ready, and for the loads to end.
settle() {
  local began name missing kind sum=0
  began=$(centiseconds)
  while true; do
    missing=''
    for name in "${NODES[@]}"; do readiness "$name" >/dev/null || missing+=" $name"; done
    if [[ -z $missing ]] || (($(centiseconds) - began > READY_CENTISECONDS_MAX)); then break; fi
    sleep "$LOOK_SECONDS"
  done
  for kind in kill stop term role full all; do sum=$((sum + HITS[$kind])); done
  line "$((sum * SECONDS_PER_FAULT_MAX >= TORTURE_SECONDS))" 'faults' "$sum" \
    "${HITS[kill]} killed, ${HITS[stop]} stopped, ${HITS[term]} asked to go, ${HITS[role]} roles, ${HITS[all]} times all, ${HITS[full]} $([[ -n $POSTGRES ]] && printf 'crashes of the database' || printf 'full disks')"
  [[ -z $POSTGRES ]] || line "$((HITS[full] > 0))" 'crashes of the database' "${HITS[full]}" 'must be more than 0'
  if [[ -n $DISK ]]; then
    line 1 'disk was too full to write' "$(cat -- "$LOG_DIR"/persistence-*.log | grep -c '"disk_full"')" 'as persistence logged'
  else
    line 1 'full disk' 'NOT TESTED' "$DISK_TROUBLE"
  fi
  line "$((${#missing} == 0))" 'ready again after the last fault' "$(seconds_since "$began")" "at most $((READY_CENTISECONDS_MAX / 100)) s${missing:+; not ready:$missing}"
  await_loads "$began"
  await_filers
}

# await_filers: each ends behind the file that it is at.
await_filers() {
  local pid began
  began=$(centiseconds)
  for pid in "${FILER_PIDS[@]}"; do
    while is_running "$pid" && (($(centiseconds) - began < 100 * DRAIN_SECONDS)); do sleep 0.1; done
    line "$(is_running "$pid" && printf 0 || printf 1)" 'a writer of files ended' "$(seconds_since "$began")" "at most $DRAIN_SECONDS s"
  done
}

# await_loads BEGAN: how long each load waited for the last of its messages, and what it says of itself. It may write for some
# seconds longer than the faults last, because it began later.
await_loads() {
  local began=$1 load status
  local -A waits=()
  while ((${#waits[@]} < ${#LOAD_PIDS[@]})); do
    sleep 0.1
    for load in "${!LOAD_PIDS[@]}"; do
      [[ -z ${waits[$load]:-} ]] || continue
      is_running "${LOAD_PIDS[$load]}" || waits[$load]=$(seconds_since "$began")
    done
  done
  for load in chat group; do
    [[ -n ${waits[$load]:-} ]] || continue
    status=0
    wait "${LOAD_PIDS[$load]}" || status=$?
    unset "LOAD_PIDS[$load]"
    line 1 "bench $load ended after the faults" "${waits[$load]}" "when nothing was open, or after $DRAIN_SECONDS s of waiting for it"
    line "$((status == 0))" "bench $load's own verdict" "$status" 'exit status'
  done
}

seconds_since() { printf '%.1f s' "$((($(centiseconds) - $1) / 10))e-1"; }

# judge_chat FILE: the report of the pairs.
judge_chat() {
  local leg
  has_report "$1" chat || return 0
  figure "$1" sent 'sent' any
  figure "$1" acked 'acknowledged' some
  figure "$1" delivered 'delivered' some
  figures "$1" none '' <<'LINES'
lost lost
duplicated duplicated
out_of_order out of order
foreign foreign or changed
refused refused for good
gaps inbox numbers given up
false_receipts receipts without a delivery
unanswered without an answer at the end
receipts_missing delivered, without receipt
LINES
  figure "$1" service_restarts 'services started again' any
  figure "$1" connections_lost 'connections lost' any
  figure "$1" repeated_sends 'sends repeated' any
  for leg in sent delivered receipt; do longest "$1" "$leg" "longest wait for $leg, ms"; done
  figure "$1" longest_open_ms 'longest wait of all, ms' any
  figure "$1" longest_away_ms 'longest without a connection, ms' any
}

# judge_group FILE: the report of the groups. Beside its own lines it must add up: each message is with each member.
judge_group() {
  local sent members groups leg
  has_report "$1" group || return 0
  sent=$(number "$1" sent) members=$(number "$1" members) groups=$(number "$1" groups)
  figure "$1" connected 'groups: clients connected' "$((${members:-0} * ${groups:-0}))"
  figure "$1" joined 'groups: saw their group made' "$((${members:-0} * ${groups:-0}))"
  figure "$1" sent 'groups: sent' some
  figure "$1" acked 'groups: acknowledged' "${sent:-0}"
  figure "$1" complete 'groups: at every member' "${sent:-0}"
  figure "$1" delivered 'groups: deliveries' "$((${sent:-0} * ${members:-0}))"
  figure "$1" receipts 'groups: ticks at authors' "${sent:-0}"
  figures "$1" none 'groups: ' <<'LINES'
lost lost
duplicated duplicated
out_of_order out of order
disagreements another order elsewhere
foreign foreign or changed
refused refused for good
gaps inbox numbers given up
false_receipts ticks before all have it
unanswered without an answer
receipts_missing at everybody, no tick
LINES
  figure "$1" connections_lost 'groups: connections lost' any
  figure "$1" repeated_sends 'groups: sends repeated' any
  figure "$1" late_sends 'groups: sent late by bench' any
  for leg in sent everybody tick; do longest "$1" "$leg" "groups: longest to $leg, ms"; done
  figure "$1" longest_open_ms 'groups: longest wait of all, ms' any
}

# judge_files: every reader gets her messages, follows what they tell of, and what comes has the hash that was put.
judge_files() {
  local number folder kept=0 sent=0 failed=0 untold=0 lost=0 changed=0 hash line got
  for ((number = 1; number <= FILER_COUNT; number++)); do
    folder=$HOME_DIR/files/$number
    touch -- "$folder/kept" "$folder/sent" "$folder/failed"
    failed=$((failed + $(wc -l <"$folder/failed")))
    for _ in 1 2 3; do
      if run_fantail inbox --as "reader-$number" >>"$folder/inbox" 2>>"$folder/refusals"; then break; fi
    done
    sent=$((sent + $(wc -l <"$folder/sent")))
    while read -r _ line; do grep -qF -- "$line" "$folder/inbox" || untold=$((untold + 1)); done <"$folder/sent"
    while read -r hash line; do
      kept=$((kept + 1))
      rm -f -- "$folder/back"
      for _ in 1 2 3; do
        if run_fantail media get --as "reader-$number" "$line" "$folder/back" 2>>"$folder/refusals"; then break; fi
        sleep 1
      done
      if [[ ! -e $folder/back ]]; then
        lost=$((lost + 1))
        continue
      fi
      read -r got _ < <(sha256sum <"$folder/back")
      [[ $got == "$hash" ]] || changed=$((changed + 1))
    done <"$folder/kept"
  done
  line "$((kept > 0))" 'files: put and kept' "$kept" 'must be more than 0'
  line "$((sent > 0))" 'files: told of in a message' "$sent" 'must be more than 0'
  line "$((untold == 0))" 'files: message lost' "$untold" 'must be 0'
  line "$((lost == 0))" 'files: lost' "$lost" 'must be 0'
  line "$((changed == 0))" 'files: changed' "$changed" 'must be 0'
  line 1 'files: puts that were given up' "$failed" ''
}

# has_report FILE SCENARIO: it is there, and of that scenario.
has_report() {
  if [[ ! -s $1 ]]; then
    line 0 "report of bench $2" 'missing' "$1"
    return 1
  fi
  [[ $(tr -d '\n ' <"$1") == *\"scenario\":\"$2\"* ]] && return
  line 0 "report of bench $2" 'of another' "$1"
  return 1
}

# figures FILE BOUND PREFIX: a line for each "KEY LABEL" of standard input.
figures() {
  local key label
  while read -r key label; do figure "$1" "$key" "$3$label" "$2"; done
}

# figure FILE KEY LABEL none|some|any|N: the first number under that key; a report without it is broken.
figure() {
  local value good=0 remark=''
  value=$(number "$1" "$2")
  case $4 in
    none) remark='must be 0' good=$((${value:-1} == 0)) ;;
    some) remark='must be more than 0' good=$((${value:-0} > 0)) ;;
    any) good=$((${#value} > 0)) ;;
    *) remark="must be $4" good=$((${value:-0} == $4 && $4 > 0)) ;;
  esac
  line "$good" "$3" "${value:-?}" "$remark"
}

# number FILE KEY: whole, without what stands behind the point; nothing when there is none.
number() {
  local text
  text=$(tr -d '\n ' <"$1")
  if [[ $text =~ \"$2\":(\{\"value\":)?([0-9]+)(\.[0-9]+)?[,}] ]]; then printf '%s' "${BASH_REMATCH[2]}"; fi
}

# longest FILE LEG LABEL: how long the unluckiest message waited for it. Told, not judged: it depends on the faults.
longest() {
  local text
  text=$(tr -d '\n ' <"$1")
  if [[ $text =~ \"$2\":\{[^{}]*\"max\":([0-9]+) ]]; then line 1 "$3" $((BASH_REMATCH[1] / 1000)) ''; fi
}

# damage: a copy of a partition with pages overwritten; persistence must say so, end, and leave the file as it is.
damage() {
  local node='' name file copy=$HOME_DIR/damaged before status=0 said
  "$ROOT/deploy/stop.sh" --home "$HOME_DIR" >>"$HOME_DIR/run.log"
  [[ -z $POSTGRES ]] || return 0
  for name in "${NODES[@]}"; do [[ ${ROLE[$name]} != persistence ]] || node=$name; done
  (umask 077 && mkdir -p -- "$copy/persistence")
  cp -r -- "$CLUSTER_FILE" "$HOME_DIR/secrets" "$copy"
  cp -- "$HOME_DIR/persistence/$node.db"* "$copy/persistence"
  file=$copy/persistence/$node.db
  # From the second page on, to the middle.
  tr '\0' '\245' </dev/zero | dd of="$file" bs=4096 seek=1 count=$(($(stat -c %s -- "$file") / 8192)) iflag=fullblock conv=notrunc 2>/dev/null || true
  before=$(cksum <"$file")
  timeout 60 "$BIN_DIR/persistence" --cluster "$copy/cluster.conf" --node "$node" --data "$copy" >"$copy/said" 2>&1 </dev/null || status=$?
  said=$(grep -m 1 'is damaged' -- "$copy/said" || true)
  line "$((status > 0 && status < 124 && ${#said} > 0))" 'damaged database' "$([[ -n $said ]] && printf refused || printf 'NOT REFUSED')" \
    "exit status $status: $(cut -c1-110 <<<"${said:-$(tail -n 1 -- "$copy/said")}")"
  line "$([[ $(cksum <"$file") == "$before" ]] && printf 1 || printf 0)" 'and left as it was' "$([[ $(cksum <"$file") == "$before" ]] && printf yes || printf no)" ''
}

# line GOOD LABEL VALUE REMARK: a line of the verdict; GOOD is 0 when it is broken.
line() {
  local mark='ok'
  if (($1 == 0)); then
    mark='BROKEN'
    BROKEN=$((BROKEN + 1))
  fi
  LINES+=("$(printf '%-34s %12s  %-6s  %s' "$2" "$3" "$mark" "$4")")
}

show_verdict() {
  say
  printf '%s\n' "${LINES[@]}"
  say
  if ((BROKEN == 0)); then
    say 'Verdict: clean.'
    return
  fi
  say "Verdict: $BROKEN of ${#LINES[@]} lines are broken.${SEED:+ The same faults again: deploy/torture.sh --seed $SEED --seconds $TORTURE_SECONDS}"
  return 1
}

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
