#!/usr/bin/env bash
# The process that looks after a cluster on one machine; `run.sh` starts it and `stop.sh` ends it.
#
#   deploy/launcher.sh --home DIR --bin DIR
#
# With FANTAIL_START in the environment each node is started by that command, which gets the node's name and then the words to
# run; it must become them by exec (deploy/torture.sh starts nodes in network namespaces with it).
#
# It starts every node of DIR/cluster.conf, waits until all are ready, says so, and from then on starts and stops nodes as a newer
# file wants it (the processes read it themselves), and restarts whatever dies:
# within a second, or with pauses that grow to 5 s while a node keeps dying right after its start. A node that says that
# its configuration is wrong (status 64 or 78) would only say it again: before all were ready it stops the launcher with its
# sentence; later, where all others do their work, the sentence is said once, and the node is tried every 5 s until somebody
# has mended the file. On INT, TERM or HUP, and whatever else ends the launcher, all nodes are stopped first: nobody is left behind.
#
# Exit status: 0 it was asked to stop; 1 a node cannot run or did not become ready.

set -euo pipefail
SCRIPT=run.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# A node that lives shorter than this dies of something that a restart does not cure, centiseconds.
readonly QUICK_CENTISECONDS=200
# The pause before the second, third, ... quick restart in a row, centiseconds. The last one stays: a disk that comes back
# or a port that becomes free must be noticed within seconds, and a log must not grow by a page a second.
readonly PAUSES=(0 50 100 200 400 500)
# Quick deaths of one node before the cluster was ever ready. More patience would only delay the bad news: 7 s.
readonly QUICK_DEATHS_MAX_AT_START=5

declare -A PID=()          # of a node that runs
declare -A STARTED_AT=()   # when it was started last
declare -A DUE_AT=()       # when it is to be started again
declare -A QUICK_DEATHS=() # in a row
declare -A WRONG=()        # whose configuration is wrong, which was said
LEAVING=()                 # "pid name" of nodes that are no more in the file
STOPPING=
STARTED_ALL_AT=0
READY=

main() {
  read_arguments "$@"
  claim_home
  trap 'STOPPING=1' INT TERM HUP
  trap stop_and_leave EXIT
  # The look-out: nobody ever writes here, so `read -t` waits without starting a `sleep` five times a second.
  exec {LOOKOUT}<> <(:)

  read_table
  start_database || die "the database of $HOME_DIR does not start"
  local name
  for name in "${NODES[@]}"; do
    rotate_log "$LOG_DIR/$name.log"
    start_node "$name"
  done
  STARTED_ALL_AT=$(centiseconds)

  until [[ -n $STOPPING ]]; do
    read -r -t "$LOOK_SECONDS" -u "$LOOKOUT" _ || true
    follow_table
    look_after_nodes
    [[ -n $READY || -n $STOPPING ]] || look_whether_ready
  done
}

read_arguments() {
  BIN_DIR=
  if [[ ${1:-} == --help || ${1:-} == -h ]]; then usage_text && exit 0; fi
  [[ $# -eq 4 && $1 == --home && $3 == --bin ]] || usage_error "run.sh starts launcher.sh with --home DIR --bin DIR, and this is: $*"
  set_home "$2"
  BIN_DIR=$4
}

# claim_home: writes the pid file, unless another launcher was faster.
claim_home() {
  mkdir -p -- "$RUN_DIR" "$LOG_DIR"
  remove_pid_files
  rm -f -- "$RUN_DIR/ready"
  if ! (set -o noclobber && say $$ >"$RUN_DIR/launcher.pid") 2>/dev/null; then
    die "Fantail is just being started from $HOME_DIR by process $(read_pid launcher)"
  fi
}

# start_node NAME
start_node() {
  ${FANTAIL_START:+"$FANTAIL_START" "$1"} "$BIN_DIR/${ROLE[$1]}" --cluster "$CLUSTER_FILE" --node "$1" --data "$HOME_DIR" \
    </dev/null >>"$LOG_DIR/$1.log" 2>&1 {LOOKOUT}<&- &
  PID[$1]=$!
  STARTED_AT[$1]=$(centiseconds)
  say "${PID[$1]}" >"$RUN_DIR/$1.pid"
}

# read_table: the nodes of the cluster file. Its age is remembered by that of a file of ours.
read_table() {
  touch -r "$CLUSTER_FILE" -- "$RUN_DIR/table"
  load_nodes
}

# follow_table: when the cluster file is another one, starts those who joined and stops those who left.
follow_table() {
  [[ -n $READY && $CLUSTER_FILE -nt $RUN_DIR/table ]] || return 0
  local former=("${NODES[@]}") name
  read_table
  for name in "${NODES[@]}"; do
    [[ " ${former[*]} " != *" $name "* ]] || continue
    say "$name joins; started."
    rotate_log "$LOG_DIR/$name.log"
    start_node "$name"
  done
  for name in "${former[@]}"; do
    [[ " ${NODES[*]} " != *" $name "* ]] || continue
    say "$name leaves; stopped."
    unset "DUE_AT[$name]"
    if [[ -n ${PID[$name]:-} ]]; then LEAVING+=("${PID[$name]} $name"); fi
    unset "PID[$name]"
  done
  bury_leavers
}

# bury_leavers: TERM to those who left, once; KILL after 5 s to whoever is still there.
bury_leavers() {
  local line looks
  ((${#LEAVING[@]} > 0)) || return 0
  signal_nodes TERM "${LEAVING[@]}"
  for ((looks = 0; looks < STOP_LOOKS_MAX; looks++)); do
    local left=()
    for line in "${LEAVING[@]}"; do if is_node "${line%% *}" "${line#* }"; then left+=("$line"); fi; done
    LEAVING=("${left[@]}")
    ((${#LEAVING[@]} > 0)) || break
    sleep "$LOOK_SECONDS"
  done
  signal_nodes KILL "${LEAVING[@]}"
  LEAVING=()
  remove_pid_files
}

# look_after_nodes: buries the dead and starts those whose pause is over.
look_after_nodes() {
  local name status
  for name in "${NODES[@]}"; do
    [[ -z $STOPPING ]] || return 0
    if [[ -n ${PID[$name]:-} ]]; then
      ! kill -0 "${PID[$name]}" 2>/dev/null || continue
      status=0
      wait "${PID[$name]}" 2>/dev/null || status=$?
      unset "PID[$name]"
      rm -f -- "$RUN_DIR/$name.pid"
      # Ctrl-C reaches the whole terminal: then this death is no accident, and the trap has run by now.
      [[ -z $STOPPING ]] || return 0
      on_death "$name" "$status"
    fi
    if [[ -n ${DUE_AT[$name]:-} ]] && (($(centiseconds) >= DUE_AT[$name])); then
      unset "DUE_AT[$name]"
      start_node "$name"
    fi
  done
}

# on_death NAME STATUS: says what happened and decides when the node is started again.
on_death() {
  local name=$1 status=$2 now pause deaths verb=died
  now=$(centiseconds)
  if [[ $status == 64 || $status == 78 ]]; then
    on_wrong_configuration "$name" "$now"
    return
  fi
  unset "WRONG[$name]"
  if ((now - STARTED_AT[$name] >= QUICK_CENTISECONDS)); then QUICK_DEATHS[$name]=0; else QUICK_DEATHS[$name]=$((${QUICK_DEATHS[$name]:-0} + 1)); fi
  deaths=${QUICK_DEATHS[$name]}
  if [[ -z $READY ]] && ((deaths >= QUICK_DEATHS_MAX_AT_START)); then
    give_up "$name does not start ($(how_it_ended "$status")): $(own_sentence "$name")"
    return
  fi
  pause=${PAUSES[deaths < ${#PAUSES[@]} ? deaths : ${#PAUSES[@]} - 1]}
  DUE_AT[$name]=$((now + pause))
  # Nobody ends with 0 who was not told to.
  if ((status == 0)); then verb='was stopped'; fi
  case $deaths in
    0) say "$name $verb ($(how_it_ended "$status")); started again." ;;
    1) say "$name $verb within 2 s of its start ($(how_it_ended "$status")); it is started again, with pauses of up to 5 s if it" \
      "goes on. Its last line: $(own_sentence "$name")" ;;
  esac
}

# on_wrong_configuration NAME NOW: at the start that is the end; later nobody else is to suffer for it, and a mended file is
# to be noticed.
on_wrong_configuration() {
  local name=$1 sentence
  sentence="$name cannot run with this configuration: $(own_sentence "$name")"
  if [[ -z $READY ]]; then
    give_up "$sentence"
    return
  fi
  DUE_AT[$name]=$(($2 + ${PAUSES[-1]}))
  [[ -z ${WRONG[$name]:-} ]] || return 0
  WRONG[$name]=1
  warn "$sentence (it is tried every $((${PAUSES[-1]} / 100)) s until that is mended; fantail cluster check reads all files as the services do)"
}

# give_up SENTENCE: stops everything; the sentence says why.
give_up() {
  warn "$1"
  FAILED=1
  STOPPING=1
}
FAILED=0

# how_it_ended STATUS
how_it_ended() {
  if (($1 > 128)); then printf 'signal %s' "$(kill -l $(($1 - 128)))"; else printf 'exit status %s' "$1"; fi
}

# own_sentence NAME: what the node said last about itself: "role: sentence", or else its last line.
own_sentence() {
  local log=$LOG_DIR/$1.log line
  line=$(tail -n 40 -- "$log" 2>/dev/null | grep "^${ROLE[$1]}: " | tail -n 1) || true
  [[ -n $line ]] || line=$(tail -n 1 -- "$log" 2>/dev/null)
  printf '%s' "${line:-(nothing; its log is $log)}" | cut -c1-400
}

# look_whether_ready: once all are, says what to type next; after 30 s without, says who is not and gives up.
look_whether_ready() {
  local name missing=()
  for name in "${NODES[@]}"; do
    [[ -n ${PID[$name]:-} ]] && readiness "$name" >/dev/null || missing+=("$name")
    [[ -z $STOPPING ]] || return 0
  done
  if ((${#missing[@]} == 0)); then
    READY=1
    # run.sh shows what was said as soon as this file is there: so it comes last.
    what_next
    : >"$RUN_DIR/ready"
  elif (($(centiseconds) - STARTED_ALL_AT > READY_CENTISECONDS_MAX)); then
    for name in "${missing[@]}"; do
      warn "$name is $(readiness "$name" || true); the end of $LOG_DIR/$name.log:"
      indented "$LOG_DIR/$name.log" "$SHOWN_LINES" >&2
    done
    give_up "not everything was ready within $((READY_CENTISECONDS_MAX / 100)) s; stopping again"
  fi
}

# what_next: the lines that a newcomer needs.
what_next() {
  local fantail name page=
  fantail=$(quoted "$BIN_DIR/fantail")
  for name in "${NODES[@]}"; do
    if [[ ${ROLE[$name]} == gateway && -z $page ]]; then page=$SCHEME://${CLIENT[$name]}/; fi
  done
  say
  say "Fantail runs: ${#NODES[@]} services, everything in $HOME_DIR. In two more terminals, type:"
  say
  say "  $fantail chat --as ana --with bob$(home_option_for_fantail)"
  say "  $fantail chat --as bob --with ana$(home_option_for_fantail)"
  say
  say "Or open $page in a browser, and sign in with any name."
  if [[ $SCHEME == https && -e $HOME_DIR/secrets/ca.crt ]]; then
    say "Its certificate is of an authority of your own: let the browser (or the system) trust $HOME_DIR/secrets/ca.crt; the commands"
    say "above find it there, from elsewhere they take --ca FILE, and curl --cacert FILE."
  fi
  say "To stop: $(stop_hint)"
}

# home_option_for_fantail: the tool looks in the folder where it is typed, which may be any; so its home is always named.
home_option_for_fantail() { printf -- ' --home %s' "$(quoted "$HOME_DIR")"; }

stop_hint() {
  local stop
  stop=$(quoted "$ROOT/deploy/stop.sh")$(home_option)
  if [[ -t 1 ]]; then printf 'Ctrl-C here, or %s' "$stop"; else printf '%s' "$stop"; fi
}

# stop_and_leave: whatever ends this process, its children go first.
stop_and_leave() {
  trap '' INT TERM HUP
  trap - EXIT
  stop_nodes
  stop_database
  rm -f -- "$RUN_DIR/ready" "$RUN_DIR/launcher.pid"
  # A terminal that shows ^C continues on a line of its own.
  if [[ -t 1 ]]; then say; fi
  stopped_sentence
  exit "$FAILED"
}

main "$@"
