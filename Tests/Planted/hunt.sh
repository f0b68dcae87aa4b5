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

# The next copy is built on one core while the last one is hunted on the other.
hunt_all() {
  local name missed='' hunted='' result
  require_swift
  require_libraries "$WORK/install.log"
  mkdir -p -- "$WORK"
  ROWS=() FOUND=0 LOST=0
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
    result=$(plant "$name")
    await "$hunted"
    if [[ $result == planted ]]; then
      cp -- "$SCRATCH/release/simulate" "$WORK/simulate-planted"
      hunt "$name" >"$WORK/result" &
    else
      printf '%s|%s|-|-|-|-\n' "$name" "$result" >"$WORK/result"
    fi
    hunted=$name
  done
  await "$hunted"
  sync_tree
  show_table
  if [[ -n $MARKDOWN ]]; then show_markdown; fi
  say
  say "$FOUND passed, $LOST failed"
  ((LOST == 0))
}

# plant NAME: builds the copy with the mistake, and says `planted`, or why not.
plant() {
  local log=$WORK/$1.log
  sync_tree
  (cd -- "$TREE" && GIT_CEILING_DIRECTORIES=$WORK git apply -p0 "$PATCHES/$1.patch") >"$log" 2>&1 || { say 'DOES NOT FIT'; return; }
  build "$log" || { say 'DOES NOT BUILD'; return; }
  say planted
}

# await NAME: takes the result of its hunt, when that has ended. Nothing to do for an empty name.
await() {
  local row result rule seed seconds
  [[ -n $1 ]] || return 0
  wait
  row=$(<"$WORK/result")
  ROWS+=("$row")
  IFS='|' read -r _ result rule seed seconds _ <<<"$row"
  if [[ $result == found ]]; then FOUND=$((FOUND + 1)); elif [[ -z $(header "$1" Missed) ]]; then LOST=$((LOST + 1)); fi
  say "$1: $result, seed $seed, rule: $rule, $seconds s"
}

# hunt NAME: says its row of the table: name, result, rule, seed, seconds, messages.
hunt() {
  local name=$1 log=$WORK/$1.log began taken status=0 rule=- seed=- messages=- result='NOT FOUND'
  began=$(centiseconds)
  timeout "$((MINUTES * 60))" "$WORK/simulate-planted" --seeds 1..1000000000 --lines 0 >"$log" 2>&1 || status=$?
  taken=$(($(centiseconds) - began))
  if ((status == 1)); then
    seed=$(sed -nE 's/^seed ([0-9]+)  VIOLATION.*/\1/p' -- "$log")
    rule=$(sed -nE 's/^  rule: +//p' -- "$log")
    messages=$(sed -nE 's/^seed [0-9]+  VIOLATION.* ([0-9]+) messages.*/\1/p' -- "$log")
  elif ((status > 128)); then
    # A core has stopped by itself: its own check was faster than ours. The seed is the one behind the last that ended.
    seed=$(sed -nE 's/^seed ([0-9]+)  ok.*/\1/p' -- "$log" | tail -n 1)
    seed=$((${seed:-0} + 1)) rule=trap
  fi
  if [[ $seed != - ]]; then
    result='WRONG RULE'
    [[ ", $(header "$name" Says)," != *", $rule,"* ]] || result=found
    if ! "$CLEAN" --seed "$seed" --quiet --lines 0 >>"$log" 2>&1; then result='NOT CLEAN WITHOUT IT'; fi
  fi
  printf '%s|%s|%s|%s|%d.%d|%s\n' "$name" "$result" "$rule" "$seed" $((taken / 100)) $((taken % 100 / 10)) "$messages"
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
