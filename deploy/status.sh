#!/usr/bin/env bash
# Shows how the cluster is that deploy/run.sh started.
#
#   deploy/status.sh [--home DIR]
#
#   --home DIR    where it is kept; default $FANTAIL_HOME, else .fantail in the checkout
#
# Exit status: 0 every node is ready; 1 something is down or not ready; 64 a wrong option.

set -euo pipefail
SCRIPT=status.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local home=
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
  [[ -r $CLUSTER_FILE ]] || die "there is no cluster in $HOME_DIR: start one with deploy/run.sh$(home_option)"
  load_nodes
  show_table
}

# show_table: a line for each node; the status says whether all are ready.
show_table() {
  local name pid since state launcher ready=0 format='%-16s %8s  %-19s  %s\n'
  # shellcheck disable=SC2059 # the format is a constant of this function
  printf "$format" NODE PID 'UP SINCE' READY
  for name in "${NODES[@]}"; do
    pid=$(node_pid "$name") since=-
    if ((pid)); then
      since=$(up_since "$pid")
      if state=$(readiness "$name"); then ready=$((ready + 1)); fi
    else
      pid=- state=down
    fi
    # shellcheck disable=SC2059
    printf "$format" "$name" "$pid" "$since" "$state"
  done
  launcher=$(launcher_pid)
  say
  if ((launcher)); then launcher="launcher $launcher"; else launcher="no launcher: nobody restarts what dies"; fi
  say "$ready of ${#NODES[@]} ready; $launcher; $HOME_DIR"
  ((ready == ${#NODES[@]}))
}

main "$@"
