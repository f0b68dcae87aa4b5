# shellcheck shell=bash
# shellcheck disable=SC2004,SC2034,SC2154 # names are shared with deploy/torture.sh, which reads this file
#
# The load of deploy/torture.sh: pairs and groups by `bench`, writers of files by `fantail`.

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
