#!/usr/bin/env bash
# Stops the cluster that deploy/run.sh started.
#
#   deploy/stop.sh [--home DIR]
#
#   --home DIR    where it is kept; default $FANTAIL_HOME, else .fantail in the checkout
#
# Asks the launcher, which stops its services; services whose launcher is gone are stopped one by one.
# Exit status: 0 nothing runs any more; 64 a wrong option.

set -euo pipefail
SCRIPT=stop.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# A launcher needs 5 s for services that must be killed; in looks, 12 s.
readonly LAUNCHER_LOOKS_MAX=60

main() {
  local home='' pid nodes
  while (($# > 0)); do
    case $1 in
      --home)
        home=$(option_value "$@")
        shift
        ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  set_home "$home"

  pid=$(launcher_pid)
  mapfile -t nodes < <(running_nodes)
  if ((pid == 0 && ${#nodes[@]} == 0)); then
    [[ ! -d $RUN_DIR ]] || remove_pid_files
    stop_database
    say "Nothing runs from $HOME_DIR."
    return
  fi
  if ((pid)); then stop_launcher "$pid"; fi
  stop_nodes
  stop_database
  STOPPED=${#nodes[@]}
  stopped_sentence
}

# stop_launcher PID: by TERM; by KILL if it does not go, and then its services are for `stop_nodes`.
stop_launcher() {
  local pid=$1 looks
  kill -TERM "$pid" 2>/dev/null || true
  for ((looks = 0; looks < LAUNCHER_LOOKS_MAX; looks++)); do
    is_launcher "$pid" || return 0
    sleep "$LOOK_SECONDS"
  done
  warn "the launcher $pid does not react; killing it"
  kill -KILL "$pid" 2>/dev/null || true
}

main "$@"
