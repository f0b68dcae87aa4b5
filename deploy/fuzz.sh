#!/usr/bin/env bash
# Hunts with libFuzzer in every parser that reads bytes from outside (Tests/Fuzz).
#
#   deploy/fuzz.sh [options] [TARGET]...
#
#   --seconds N   for each target; default 60
#
# The corpus grows in .build-fuzz/corpus. What kills a target is written to .build-fuzz/crashes: mend it, and keep the file
# in Tests/Fuzz/crashers as TARGET-WHAT, where deploy/test.sh tries it for ever.
# The last line is `N passed, M failed`, counted in targets. Exit status: 0 nothing was found; 1 something was; 64 a wrong option.

set -euo pipefail
SCRIPT=fuzz.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly SCRATCH=$ROOT/.build-fuzz
readonly FUZZ=$SCRATCH/release/fuzz
readonly CRASHES=$SCRATCH/crashes
# One input may take so long and so much, far beyond what any takes: more is a finding. libFuzzer goes by the clock on the wall, so
# this must hold on a machine that others use, too: inputs take some milliseconds.
readonly INPUT_SECONDS_MAX=60 MEMORY_MIB_MAX=2048 INPUT_BYTES_MAX=8192

main() {
  read_arguments "$@"
  cd -- "$ROOT"
  mkdir -p -- "$CRASHES"
  build
  ((${#TARGETS[@]} > 0)) || mapfile -t TARGETS < <("$FUZZ" --list)
  local target passed=0 failed=0
  for target in "${TARGETS[@]}"; do
    if hunt "$target"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  # The second line: what the programs that this script ran and awaited have used, the build among them.
  times >"$SCRATCH/times"
  say "   $(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); total += part[1] * 60 + part[2] } printf "%.0f", total }' "$SCRATCH/times") seconds of a core"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}

read_arguments() {
  SECONDS_EACH=60 TARGETS=()
  while (($# > 0)); do
    case $1 in
      --seconds)
        SECONDS_EACH=$(option_value "$@")
        [[ $SECONDS_EACH =~ ^[1-9][0-9]{0,4}$ ]] || usage_error '--seconds wants a number from 1 to 99999'
        shift
        ;;
      --help | -h) usage_text && exit 0 ;;
      -*) usage_error "there is no option $1" ;;
      *) TARGETS+=("$1") ;;
    esac
    shift
  done
}

# build: the parsers with counters at each branch. gold, the usual linker, cannot link them; lld can.
build() {
  local log=$SCRATCH/build.log
  require_swift
  require_libraries "$SCRATCH/install.log"
  say 'Building with libFuzzer ...'
  swift build --package-path "$ROOT" --scratch-path "$SCRATCH" -c release --product fuzz -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld \
    >"$log" 2>&1 || {
    indented "$log" "$SHOWN_LINES" >&2
    die "the build failed; everything the compiler said is in $log"
  }
}

hunt() {
  local target=$1 corpus=$SCRATCH/corpus/$1 log=$SCRATCH/$1.log
  mkdir -p -- "$corpus"
  "$FUZZ" "$target" --seeds "$corpus"
  if "$FUZZ" "$target" "-max_total_time=$SECONDS_EACH" "-timeout=$INPUT_SECONDS_MAX" "-rss_limit_mb=$MEMORY_MIB_MAX" \
    "-max_len=$INPUT_BYTES_MAX" "-artifact_prefix=$CRASHES/$target-" -print_final_stats=1 "$corpus" >"$log" 2>&1; then
    say "   ok: $target: $(sed -nE 's/^stat::number_of_executed_units: *//p' "$log") inputs, $(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | tr -d 'cov: ') branches"
  else
    say "   FAILED: $target; the input is in $CRASHES, everything it said in $log"
    grep -aE 'this does not hold|Fatal error|ERROR: libFuzzer|Test unit written' "$log" | head -n 10 | sed 's/^/    /'
    return 1
  fi
}

main "$@"
