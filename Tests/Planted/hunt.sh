#!/usr/bin/env bash
# Plants mistakes, one at a time, in a copy of this checkout, and shows that the simulator finds each.
#
#   Tests/Planted/hunt.sh [options]
#
#   --only NAME    only this one; may be repeated. Also hunts one that is known to be missed
#   --missed       hunt those that are known to be missed, too
#   --minutes M    how long to hunt each, on one core; default 5
#   --quick        two of them
#   --check        only see that each one still fits this checkout; builds nothing
#   --list         only say what there is
#   --markdown     end with the table as docs/testing.md shows it
#
# A planted fault is a patch beside this script. Before the patch it says, a line each: `Mistake` (what), `Breaks` (which
# promise of docs/design), `Says` (the rules under which the simulator may report it, or `trap` when a core stops by itself),
# `Where` (if it is not in the code that ships), and `Missed` (why the simulator does not find it; then nobody demands that
# it does). The copy lies in .build/planted and is built anew for each patch. A fault counts as found when the simulator
# reports one of its rules and the same seed is clean without the patch.
#
# Exit status: 0 each was found (--check: each fits); 1 one was not; 64 a wrong option.

set -euo pipefail
SCRIPT=hunt.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

readonly PATCHES=$ROOT/Tests/Planted
readonly WORK=$ROOT/.build/planted
readonly TREE=$WORK/tree
readonly SCRATCH=$WORK/build
readonly CLEAN=$WORK/simulate-clean
# One of the delivery path and one of the link below it; each is found within seconds.
readonly QUICK=(session-cursor-before-receipt rpc-call-lost-with-link)

main() {
  read_arguments "$@"
  case $ACTION in
    list) list ;;
    check) check ;;
    hunt) hunt_all ;;
  esac
}

read_arguments() {
  local file
  ACTION=hunt NAMES=() MINUTES=5 MARKDOWN='' WITH_MISSED=''
  while (($# > 0)); do
    case $1 in
      --only)
        NAMES+=("$(option_value "$@")")
        [[ -e $PATCHES/${NAMES[-1]}.patch ]] || usage_error "there is no planted fault ${NAMES[-1]}: see --list"
        WITH_MISSED=1
        shift
        ;;
      --minutes)
        [[ ${2:-} =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "$1 needs a number"
        MINUTES=$2
        shift
        ;;
      --quick) NAMES+=("${QUICK[@]}") ;;
      --missed) WITH_MISSED=1 ;;
      --check | --list) ACTION=${1#--} ;;
      --markdown) MARKDOWN=1 ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  if ((${#NAMES[@]} > 0)); then return; fi
  for file in "$PATCHES"/*.patch; do
    file=${file##*/}
    NAMES+=("${file%.patch}")
  done
}

# header NAME FIELD: what the patch says about itself, on one line; nothing when it does not.
header() {
  awk -v field="$2:" '
    /^--- / { exit }
    $1 == field { isIn = 1; sub(/^[A-Za-z]+: */, ""); text = $0; next }
    /^[A-Z][a-z]+:/ || /^$/ { isIn = 0 }
    isIn { text = text " " $0 }
    END { print text }' "$PATCHES/$1.patch"
}

list() {
  local name missed
  for name in "${NAMES[@]}"; do
    missed=$(header "$name" Missed)
    say "$name: $(header "$name" Mistake)${missed:+ (missed: $missed)}"
  done
}

check() {
  local name field passed=0 failed=0
  cd -- "$ROOT"
  for name in "${NAMES[@]}"; do
    for field in Mistake Breaks Says; do
      [[ -n $(header "$name" "$field") ]] || { say "$name: has no line $field"; failed=$((failed + 1)); continue 2; }
    done
    if git apply -p0 --check "$PATCHES/$name.patch"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done
  ((failed == 0)) || say 'The code has moved on: make the same mistake in it again, or remove the patch.'
  say "$passed passed, $failed failed"
  ((failed == 0))
}

# --- the copy ---------------------------------------------------------------------------------------------------------

# sync_tree: makes the copy equal to the checkout. Files that are equal are left alone, so that little is built again.
sync_tree() {
  local name
  mkdir -p -- "$TREE"
  git -C "$ROOT" ls-files -z --cached --others --exclude-standard -- Package.swift Services Shared Tests >"$WORK/files"
  while IFS= read -r -d '' name; do
    [[ -f $ROOT/$name ]] || continue
    if ! cmp -s -- "$ROOT/$name" "$TREE/$name"; then
      mkdir -p -- "$(dirname -- "$TREE/$name")"
      cp -p -- "$ROOT/$name" "$TREE/$name"
    fi
  done <"$WORK/files"
  (cd -- "$TREE" && find . -type f -printf '%P\0' | sort -z) >"$WORK/there"
  sort -z -- "$WORK/files" | comm -z -13 - "$WORK/there" | (cd -- "$TREE" && xargs -0 -r rm -f --)
}

# build LOG
build() {
  swift build --package-path "$TREE" --scratch-path "$SCRATCH" -c release --product simulate >"$1" 2>&1
}

# --- the hunt ---------------------------------------------------------------------------------------------------------

hunt_all() {
  local name missed='' found=0 lost=0
  require_swift
  require_libraries "$WORK/install.log"
  mkdir -p -- "$WORK"
  ROWS=()
  say 'Building without any planted fault ...'
  sync_tree
  build "$WORK/clean.log" || { tail -n 20 -- "$WORK/clean.log" >&2; die "the copy does not build: $WORK/clean.log"; }
  cp -- "$SCRATCH/release/simulate" "$CLEAN"
  for name in "${NAMES[@]}"; do
    missed=$(header "$name" Missed)
    if [[ -n $missed && -z $WITH_MISSED ]]; then
      ROWS+=("$name|missed|-|-|-|-")
      continue
    fi
    RULE=- SEED=- SECONDS_TAKEN=- MESSAGES=-
    RESULT='NOT FOUND'
    hunt "$name"
    if [[ $RESULT == found ]]; then found=$((found + 1)); elif [[ -z $missed ]]; then lost=$((lost + 1)); fi
    ROWS+=("$name|$RESULT|$RULE|$SEED|$SECONDS_TAKEN|$MESSAGES")
    say "$name: $RESULT${SEED:+, seed $SEED}, rule: $RULE, $SECONDS_TAKEN s"
  done
  sync_tree
  show_table
  if [[ -n $MARKDOWN ]]; then show_markdown; fi
  say
  say "$found passed, $lost failed"
  ((lost == 0))
}

# hunt NAME: sets RESULT, RULE, SEED, SECONDS_TAKEN and MESSAGES.
hunt() {
  local name=$1 log=$WORK/$1.log began status=0
  sync_tree
  (cd -- "$TREE" && GIT_CEILING_DIRECTORIES=$WORK git apply -p0 "$PATCHES/$name.patch") >"$log" 2>&1 || { RESULT='DOES NOT FIT'; return; }
  build "$log" || { RESULT='DOES NOT BUILD'; return; }
  began=$(centiseconds)
  timeout "$((MINUTES * 60))" "$SCRATCH/release/simulate" --seeds 1..1000000000 --lines 0 >"$log" 2>&1 || status=$?
  SECONDS_TAKEN=$(printf '%d.%d' $((($(centiseconds) - began) / 100)) $((($(centiseconds) - began) % 100 / 10)))
  if ((status == 1)); then
    SEED=$(sed -nE 's/^seed ([0-9]+)  VIOLATION.*/\1/p' -- "$log")
    RULE=$(sed -nE 's/^  rule: +//p' -- "$log")
    MESSAGES=$(sed -nE 's/^seed [0-9]+  VIOLATION.* ([0-9]+) messages.*/\1/p' -- "$log")
  elif ((status > 128)); then
    # A core has stopped by itself: its own check was faster than ours. The seed is the one behind the last that ended.
    SEED=$(sed -nE 's/^seed ([0-9]+)  ok.*/\1/p' -- "$log" | tail -n 1)
    SEED=$((${SEED:-0} + 1)) RULE=trap
  else
    return 0
  fi
  RESULT='WRONG RULE'
  [[ ", $(header "$name" Says)," != *", $RULE,"* ]] || RESULT=found
  if ! "$CLEAN" --seed "$SEED" --quiet --lines 0 >>"$log" 2>&1; then RESULT='NOT CLEAN WITHOUT IT'; fi
}

# --- the end ----------------------------------------------------------------------------------------------------------

show_table() {
  local row name result rule seed seconds messages format='%-34s %-10s %-28s %6s %9s %9s\n'
  say
  # shellcheck disable=SC2059 # the format is a constant of this function
  printf "$format" fault result rule seed seconds messages
  for row in "${ROWS[@]}"; do
    IFS='|' read -r name result rule seed seconds messages <<<"$row"
    # shellcheck disable=SC2059
    printf "$format" "$name" "$result" "$rule" "$seed" "$seconds" "$messages"
  done
}

show_markdown() {
  local row name result rule seed seconds messages
  say
  say '| fault | the mistake | found as | seed | seconds |'
  say '|---|---|---|---|---|'
  for row in "${ROWS[@]}"; do
    IFS='|' read -r name result rule seed seconds messages <<<"$row"
    [[ $result != found ]] || say "| \`$name\` | $(header "$name" Mistake) | $rule | $seed | $seconds |"
  done
}

main "$@"
