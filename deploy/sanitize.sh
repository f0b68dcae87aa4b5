#!/usr/bin/env bash
# Runs the unit tests under the compiler's sanitizers: address (memory that is not ours, or not any more) and thread (two
# threads at one place without a lock).
#
#   deploy/sanitize.sh [address|thread]...
#
# A build of its own for each, in .build-address and .build-thread; the first takes some minutes.
# The last line is `N passed, M failed`, counted in tests. Exit status: 0 nothing was found; 1 something was; 64 a wrong option.

set -euo pipefail
SCRIPT=sanitize.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Threads are only where the loop hands work over; the cores are values in one thread.
readonly THREADED='ServiceKitTests|MediaFileStoreTests|SQLiteStoreTests|CryptoTests'

main() {
  read_arguments "$@"
  local sanitizer passed=0 failed=0
  for sanitizer in "${SANITIZERS[@]}"; do run_under "$sanitizer"; done
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}

read_arguments() {
  SANITIZERS=()
  while (($# > 0)); do
    case $1 in
      address | thread) SANITIZERS+=("$1") ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no sanitizer $1" ;;
    esac
    shift
  done
  ((${#SANITIZERS[@]} > 0)) || SANITIZERS=(address thread)
}

# run_under SANITIZER: a test that a sanitizer stops has failed, and so has a run that reports anything at all.
run_under() {
  local sanitizer=$1 scratch=$ROOT/.build-$1 log total bad filter=()
  log=$scratch/tests.log
  mkdir -p -- "$scratch"
  require_swift
  require_libraries "$scratch/install.log"
  say "Building and testing with the $sanitizer sanitizer ..."
  [[ $sanitizer != thread ]] || filter=(--filter "$THREADED")
  # The one empty array of the Swift library, which all share: making another empty one writes 0 over its 0.
  printf 'race:_swiftEmptyArrayStorage\n' >"$scratch/suppressions"
  # Leaks at exit are no findings here: a process of ours ends with its memory.
  ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS="halt_on_error=0 suppressions=$scratch/suppressions" \
    swift test --package-path "$ROOT" --scratch-path "$scratch" -c release --sanitize="$sanitizer" "${filter[@]}" >"$log" 2>&1 || true
  total=$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' -- "$log" | tail -n 1)
  bad=$(grep -aE '^✘ Test .* failed after' -- "$log" | grep -cv 'Test run with') || true
  bad=$((bad + $(grep -acE '^(WARNING|ERROR): .*Sanitizer|^==[0-9]+==ERROR' -- "$log" || true)))
  if [[ -z $total ]]; then total=0 bad=$((bad + 1)); fi
  passed=$((passed + (total > bad ? total - bad : 0))) failed=$((failed + bad))
  if ((bad > 0)); then
    say "   FAILED: $sanitizer; everything it said is in $log"
    grep -aE '^✘|Sanitizer|error:' -- "$log" | head -n "$SHOWN_LINES" | sed 's/^/    /'
  else
    say "   ok: $sanitizer, $total tests"
  fi
}

main "$@"
