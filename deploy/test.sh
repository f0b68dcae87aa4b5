#!/usr/bin/env bash
# Runs every test of this checkout.
#
#   deploy/test.sh [--quick] [--long] [--only PART]...
#
#   --quick       what takes a few minutes: fewer seeds, and no torture, e2e, page and containers
#   --long        more seeds, libFuzzer, every planted fault, three times five minutes of torture, and the end-to-end tests that take
#                 minutes each, all of them with three partitions of the store and with one
#   --only PART   only this part; may be repeated. The parts, in their order:
#                   house     the rules of the house (Tests/House), and that each of them can fail; and that every
#                             planted fault still fits
#                   shell     shellcheck over all scripts
#                   build     everything, optimised; a warning is an error
#                   unit      swift test, on the same build
#                   simulate  simulated clusters, a seed each (Tests/Simulation)
#                   fuzz      every parser of bytes from outside: inputs that killed one before, and new ones made of its seeds;
#                             with --long libFuzzer, a minute each (deploy/fuzz.sh)
#                   planted   mistakes made on purpose, which the simulator must find (Tests/Planted); with --long only, or by
#                             name, for it builds the simulator once more for each
#                   scripts   run.sh, stop.sh and status.sh with real processes (Tests/Deploy)
#                   bench     every scenario of the load tool, short, against a real cluster; no figure is judged
#                   torture   a real cluster under load, killed and frozen at random (deploy/torture.sh), with either engine
#                   e2e       a real cluster and clients that nobody here wrote (Tests/EndToEnd)
#                   page      the web client in a real browser (Tests/Page); pictures in .build/page-screenshots
#                   containers  the manifests, images, and a cluster of containers (deploy/containers-test.sh); where podman does
#                             not work the manifests alone, and it says so
#
# Missing tools are installed: Debian packages when we may, Python packages into .build/venv. A part is quiet unless it
# fails; what it said is in .build/test-logs/PART.log. The last line is `N passed, M failed`.
# Exit status: 0 everything passed; 1 something failed; 64 a wrong option.

set -euo pipefail
SCRIPT=test.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly ALL_PARTS=(house shell build unit simulate fuzz planted scripts bench torture e2e page containers)
# What is left out unless --long is given, and what --quick leaves out besides.
readonly LONG_PARTS=(planted)
readonly SLOW_PARTS=(torture e2e page containers)
readonly TEST_LOGS=$ROOT/.build/test-logs
readonly VENV=$ROOT/.build/venv
readonly RELEASE=$ROOT/.build/release
# Processes that run tests beside each other, each with clusters and ports of its own. These tests mostly wait; a browser mostly works,
# so of those of the page there are fewer.
readonly E2E_WORKERS=3 SCRIPTS_WORKERS=3 PAGE_WORKERS=2
# How many lines of its log a failed part shows: a compiler's errors, or the story of a failed test.
readonly FAILURE_LINES=60

# A part counts into these; they are sums over all parts.
PASSED_SUM=0
FAILED_SUM=0
ROWS=()

main() {
  read_arguments "$@"
  cd -- "$ROOT"
  mkdir -p -- "$TEST_LOGS"
  install_tools
  local part
  for part in "${PARTS[@]}"; do run_part "$part"; done
  show_table
  ((FAILED_SUM == 0))
}

read_arguments() {
  local only=()
  EXTENT=normal PARTS=()
  while (($# > 0)); do
    case $1 in
      --quick | --long) EXTENT=${1#--} ;;
      --only)
        only+=("$(option_value "$@")")
        [[ " ${ALL_PARTS[*]} " == *" ${only[-1]} "* ]] || usage_error "there is no part ${only[-1]}; there are ${ALL_PARTS[*]}"
        shift
        ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
  local part
  for part in "${ALL_PARTS[@]}"; do
    if ((${#only[@]} > 0)); then
      [[ " ${only[*]} " != *" $part "* ]] || PARTS+=("$part")
    elif [[ $EXTENT != quick || " ${SLOW_PARTS[*]} " != *" $part "* ]] && [[ $EXTENT == long || " ${LONG_PARTS[*]} " != *" $part "* ]]; then
      PARTS+=("$part")
    fi
  done
}

# wants PART...: one of them is to be run.
wants() {
  local part
  for part in "$@"; do [[ " ${PARTS[*]} " != *" $part "* ]] || return 0; done
  return 1
}

# --- tools ------------------------------------------------------------------------------------------------------------

install_tools() {
  local missing=()
  if wants shell && ! command -v shellcheck >/dev/null; then missing+=(shellcheck); fi
  if wants house scripts bench e2e page containers && ! command -v python3 >/dev/null; then missing+=(python3); fi
  if wants page && [[ ! -x ${CHROMIUM:-/usr/bin/chromium} || ! -x ${CHROMEDRIVER:-/usr/bin/chromedriver} ]]; then
    missing+=(chromium chromium-driver fonts-dejavu-core)
  fi
  if wants unit torture e2e && [[ -z $(compgen -G '/usr/lib/postgresql/*/bin/initdb') ]]; then missing+=(postgresql); fi
  if wants torture && ((EUID == 0)); then
    command -v ip >/dev/null || missing+=(iproute2)
    command -v nft >/dev/null || missing+=(nftables)
  fi
  if wants e2e && ! command -v promtool >/dev/null; then missing+=(prometheus); fi
  if wants scripts e2e page containers && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then missing+=(python3-venv); fi
  if wants build unit simulate fuzz planted scripts bench torture e2e page containers; then
    require_swift
    require_libraries "$TEST_LOGS/install.log"
  fi
  install_packages "$TEST_LOGS/install.log" "${missing[@]}"
  if wants scripts e2e page; then make_venv; fi
}

# make_venv: Python packages at the versions that Tests/EndToEnd and Tests/Page name, anew when these lists change.
make_venv() {
  local list=$TEST_LOGS/requirements.txt log=$TEST_LOGS/venv.log
  cat -- Tests/EndToEnd/requirements.txt Tests/Page/requirements.txt >"$list"
  if [[ -x $VENV/bin/pytest ]] && cmp -s -- "$list" "$VENV/requirements.txt"; then return; fi
  say 'Installing Python packages into .build/venv ...'
  rm -rf -- "$VENV"
  { python3 -m venv "$VENV" && "$VENV/bin/pip" install --disable-pip-version-check -r "$list"; } >"$log" 2>&1 || {
    indented "$log" "$SHOWN_LINES" >&2
    die "the Python packages of $list could not be installed; everything pip said is in $log"
  }
  cp -- "$list" "$VENV/requirements.txt"
}

# --- parts ------------------------------------------------------------------------------------------------------------

# run_part PART: runs `part_PART`, which writes to its log and sets PASSED and FAILED.
run_part() {
  local part=$1 log=$TEST_LOGS/$1.log began seconds result=ok status=0
  PASSED=0 FAILED=0
  rm -f -- "$log.short"
  say "== $part"
  began=$(centiseconds)
  "part_$part" "$log" || status=$?
  # A part that fails without being able to say in what has failed in one thing.
  if ((status != 0 && FAILED == 0)); then FAILED=1; fi
  if ((status == 0 && PASSED == 0 && FAILED == 0)); then
    say "   nothing was tested, so nothing was shown"
    FAILED=1
  fi
  seconds=$((($(centiseconds) - began + 50) / 100))
  if ((FAILED > 0)); then
    result=FAILED
    show_failure "$log"
    say "   everything it said: $log"
  fi
  say "   $result: $PASSED passed, $FAILED failed, $seconds s"
  ROWS+=("$part $result $PASSED $FAILED $seconds")
  PASSED_SUM=$((PASSED_SUM + PASSED)) FAILED_SUM=$((FAILED_SUM + FAILED))
}

# count_closing_lines LOG: adds up lines "N passed, M failed".
count_closing_lines() {
  local passed failed
  while read -r passed failed; do
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
  done < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' -- "$1")
}

part_house() {
  local status=0
  { python3 Tests/House/house.py && python3 Tests/House/house.py --self-test && Tests/Planted/hunt.sh --check; } >"$1" 2>&1 || status=$?
  count_closing_lines "$1"
  return "$status"
}

part_shell() {
  local scripts script
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
  : >"$1"
  for script in "${scripts[@]}"; do
    if shellcheck -x -- "$script" >>"$1" 2>&1; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
  done
  ((FAILED == 0))
}

# A warning fails the build. The compiler gives it only when it compiles, so a second build would be silent about it: the
# files that were warned about are touched, and speak up again until they are mended.
part_build() {
  local status=0 warned
  build_all >"$1" 2>&1 || status=$?
  mapfile -t warned < <(sed -nE "s#^($ROOT/[^:]+):[0-9]+:[0-9]+: warning: .*#\1#p" -- "$1" | sort -u)
  if ((${#warned[@]} > 0)); then
    touch -c -- "${warned[@]}"
    say "warnings count as errors; they are in: ${warned[*]#"$ROOT"/}" >>"$1"
    status=1
  fi
  if ((status == 0)); then PASSED=1; else FAILED=1; fi
  if ((status != 0)); then in_short "(warning|error): |^warnings count" "$1"; fi
  return "$status"
}

part_unit() {
  local status=0 total
  build_if_needed "$1" || return 1
  with_postgres swift test -c release --skip-build >"$1" 2>&1 || status=$?
  total=$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' -- "$1" | tail -n 1)
  FAILED=$(grep -E '^✘ Test .* failed after' -- "$1" | grep -cv 'Test run with') || true
  PASSED=$((${total:-0} - FAILED))
  if ((PASSED < 0)); then PASSED=0; fi
  if ((status != 0)); then in_short '^✘' "$1"; fi
  return "$status"
}

# with_postgres COMMAND...: runs it beside a PostgreSQL server of its own, which the environment names.
with_postgres() {
  local directory url status=0
  directory=$(mktemp -d "${TMPDIR:-/tmp}/fantail-unit-XXXXXX")
  # The server may run as another user.
  chmod go+x -- "$directory"
  url=$(POSTGRES_OPTIONS='-c fsync=off -c full_page_writes=off' "$ROOT/deploy/postgres.sh" start "$directory/server" $((20000 + RANDOM % 9000))) || {
    rm -rf -- "$directory"
    return 1
  }
  FANTAIL_POSTGRES_URL=$url FANTAIL_POSTGRES_PASS=$directory/server/postgres.pass "$@" || status=$?
  "$ROOT/deploy/postgres.sh" stop "$directory/server"
  rm -rf -- "$directory"
  return "$status"
}

# It stops at its first violation.
part_simulate() {
  local seeds status=0 count violations
  case $EXTENT in quick) seeds=60 ;; normal) seeds=400 ;; long) seeds=2000 ;; esac
  build_if_needed "$1" || return 1
  "$RELEASE/simulate" --seeds "1..$seeds" --jobs "$(nproc)" --quiet >"$1" 2>&1 || status=1
  while read -r count violations; do
    PASSED=$((PASSED + count - violations)) FAILED=$((FAILED + violations))
  done < <(sed -nE 's/^([0-9]+) seeds, ([0-9]+) violations.*/\1 \2/p' -- "$1")
  if ((status == 0 && PASSED + FAILED != seeds)); then
    say "only $((PASSED + FAILED)) of $seeds seeds are accounted for" >>"$1"
    status=1
  fi
  if ((status != 0)); then in_short 'seeds,|replay with|rule:|expected:|found:|atal error|only .* of' "$1"; fi
  return "$status"
}

part_fuzz() {
  local target crasher inputs
  case $EXTENT in quick) inputs=2000 ;; *) inputs=20000 ;; esac
  build_if_needed "$1" || return 1
  : >"$1"
  while read -r target; do
    try_target "$1" "$target" --inputs "1..$inputs"
    for crasher in Tests/Fuzz/crashers/"$target"-*; do
      if [[ -f $crasher ]]; then try_target "$1" "$target" "$crasher"; fi
    done
  done < <("$RELEASE/fuzz" --list)
  if [[ $EXTENT == long ]]; then
    deploy/fuzz.sh >>"$1" 2>&1 || true
    count_closing_lines "$1"
  fi
  if ((FAILED > 0)); then in_short 'FAILED|died of|does not hold|Fatal' "$1"; fi
  ((PASSED > 0 && FAILED == 0))
}

# try_target LOG TARGET ARGUMENT...
try_target() {
  if "$RELEASE/fuzz" "${@:2}" >>"$1" 2>&1; then
    PASSED=$((PASSED + 1))
  else
    say "FAILED: fuzz ${*:2}" >>"$1"
    FAILED=$((FAILED + 1))
  fi
}

# By name and without --long: a handful.
part_planted() {
  local status=0 options=(--quick)
  if [[ $EXTENT == long ]]; then options=(); fi
  Tests/Planted/hunt.sh "${options[@]}" >"$1" 2>&1 || status=$?
  count_closing_lines "$1"
  return "$status"
}

# Both engines; with --long the embedded one with one partition, too.
part_torture() {
  local status=0 run options seconds=20 users=40 runs=('' '--postgres')
  if [[ $EXTENT == long ]]; then seconds=300 users=100 runs+=('--partitions 1'); fi
  build_if_needed "$1" || return 1
  : >"$1"
  for run in "${runs[@]}"; do
    read -ra options <<<"$run"
    say "torture.sh $run" >>"$1"
    deploy/torture.sh --no-build --seconds "$seconds" --users "$users" "${options[@]}" >>"$1" 2>&1 || status=$?
  done
  PASSED=$(grep -cE '^.{48} ok ' -- "$1") || true
  FAILED=$(grep -cE '^.{48} BROKEN ' -- "$1") || true
  return "$status"
}

# The verdict of each run counts, and that the report has its figures; how fast it was does not.
part_bench() {
  build_if_needed "$1" || return 1
  local work=$TEST_LOGS/bench
  rm -rf -- "$work"
  mkdir -p -- "$work"
  : >"$1"
  bench_of_pairs "$work/pairs.log" "$work" --start
  bench_of_others "$work/others.log" "$work" --start
  cat -- "$work/pairs.log" "$work/others.log" >"$1"
  PASSED=$(grep -c '^passed: ' -- "$1") || true
  FAILED=$(grep -c '^FAILED: ' -- "$1") || true
  python3 - "$work" >>"$1" 2>&1 <<'PYTHON' && PASSED=$((PASSED + 1)) || FAILED=$((FAILED + 1))
import json, sys
from xml.dom import minidom

def read(name):
    assert minidom.parse(f"{sys.argv[1]}/{name}.svg").getElementsByTagName("polyline")
    report = json.load(open(f"{sys.argv[1]}/{name}.json"))
    assert report["kept"] is True and report["lost"] == 0
    return report

report = read("chat")
assert report["sent"] == report["acked"] == report["delivered"] == report["receipts"] > 0
assert report["exchanges_per_second"] > 0 and report["fsyncs_per_message"] > 0
assert report["cpu_us_per_exchange"]["all"] > 0 and report["memory_bytes"]["gateway"] > 0
assert all(report["latency_us"][leg]["p50"] > 0 for leg in ("sent", "delivered", "receipt"))
report = read("scale")
assert [point["users"] for point in report["scales"]["users"]] == [20, 60]
assert [point["sessions"] for point in report["scales"]["sessions"]] == [1, 2]
assert [point["entries"] for point in report["scales"]["entries"]] == [0, 5000]
for curve in report["scales"].values():
    assert all(point["cpu_us_per_exchange"]["all"] > 0 and point["exchanges_per_second"] > 0 and len(point["runs"]) == 1 for point in curve)
    assert min(point["by_cheapest"] for point in curve) == 1
assert report["fill_mib_5000"] > 0 and report["connected"] == 20 + 60 + 4 * 30
report = read("group")
assert report["sent"] == report["acked"] == report["complete"] == report["receipts"] > 0
assert report["delivered"] == 40 * report["sent"] and report["disagreements"] == 0 and report["joined"] == 40
assert report["messages_per_second"] > 0 and report["deliveries_per_second"] > report["messages_per_second"]
assert report["cpu_us_per_delivery"]["group"] > 0
assert all(report["latency_us"][leg]["p50"] > 0 for leg in ("sent", "delivered", "everybody", "spread", "tick"))
PYTHON
  ((FAILED == 0))
}

# bench_of_pairs LOG FOLDER START...
bench_of_pairs() {
  local log=$1 work=$2 start=("${@:3}")
  bench_says "$log" 0 'CPU us/exchange' chat "${start[@]}" --users 100 --warm 1 --seconds 3 --json "$work/chat.json" --svg "$work/chat.svg"
  bench_says "$log" 0 'open loop' chat "${start[@]}" --archive --sessions 1 --users 20 --rate 200 --warm 1 --seconds 2 --encoding binary
  bench_says "$log" 0 'cut to welcome' storm "${start[@]}" --users 100 --back-within 60
  bench_says "$log" 0 'lost with their gateway' storm "${start[@]}" --gateways 2 --kill --users 100 --back-within 60
  bench_says "$log" 64 'second gateway' storm "${start[@]}" --gateways 1 --kill
  bench_says "$log" 0 'Usage: bench chat' chat --help
  bench_says "$log" 1 'deploy/run.sh' chat --home "$work/nowhere"
  bench_says "$log" 64 'even' chat --users 3
  bench_says "$log" 64 'json or binary' chat --encoding xml
}

# bench_of_others LOG FOLDER START...
bench_of_others() {
  local log=$1 work=$2 start=("${@:3}")
  bench_says "$log" 0 'CPU us/delivery' group "${start[@]}" --members 40 --window 4 --warm 1 --seconds 3 --json "$work/group.json" --svg "$work/group.svg"
  bench_says "$log" 0 '2 groups of 20' group "${start[@]}" --archive --sessions 1 --members 20 --groups 2 --authors 3 --warm 1 --seconds 2 --encoding binary
  bench_says "$log" 0 'one order' group --help
  bench_says "$log" 64 'at most --members' group --members 5 --authors 6
  bench_says "$log" 0 'Fetching' offline "${start[@]}" --messages 2000 --users 50
  # The bound is for a thousand connections and more: with few, what a process touches once weighs too much.
  bench_says "$log" 0 'Memory for each connection' idle "${start[@]}" --users 200 --seconds 2 --bytes-max 65536
  bench_says "$log" 0 'by cheapest' scale --rounds 1 --pairs 10 --window 2 --users 30 --users-max 60 --sessions-max 2 --entries-max 5000 --warm 1 --seconds 2 \
    --ratio-max 100 --json "$work/scale.json" --svg "$work/scale.svg"
  bench_says "$log" 64 'commas' scale --along everything
  bench_says "$log" 0 'Store append' micro --milliseconds 20
  bench_says "$log" 0 'moved/ideal at most 1.10 up to 100 members: kept' ring 3 100
}

# bench_says LOG STATUS WORDS ARGUMENT...: it ends with that status and says those words.
bench_says() {
  local status=0 said
  said=$("$RELEASE/bench" "${@:4}" 2>&1 </dev/null) || status=$?
  if ((status == $2)) && [[ $said == *"$3"* ]]; then
    say "passed: bench ${*:4}" >>"$1"
  else
    say "FAILED: bench ${*:4}: status $status, wanted $2 and \"$3\"; it said:" "$said" >>"$1"
  fi
}

part_scripts() { run_pytest "$1" Tests/Deploy -n "$SCRIPTS_WORKERS"; }

part_e2e() {
  local options=(-n "$E2E_WORKERS") log=$TEST_LOGS/e2e-1-partition.log passed failed status=0
  if [[ $EXTENT != long ]]; then
    run_pytest "$1" Tests/EndToEnd "${options[@]}"
    return
  fi
  options+=(--long)
  run_pytest "$1" Tests/EndToEnd "${options[@]}" || status=$?
  passed=$PASSED failed=$FAILED PASSED=0 FAILED=0
  # Everything once more, with a store in one piece.
  run_pytest "$log" Tests/EndToEnd "${options[@]}" --partitions 1 || status=$?
  cat -- "$log" >>"$1"
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
  return "$status"
}

part_page() { run_pytest "$1" Tests/Page -n "$PAGE_WORKERS" --dist worksteal; }

part_containers() {
  local status=0
  build_if_needed "$1" || return 1
  deploy/containers-test.sh --no-build >"$1" 2>&1 || status=$?
  count_closing_lines "$1"
  if grep -q SKIPPED -- "$1"; then grep -A6 SKIPPED -- "$1"; fi
  if ((status != 0)); then in_short 'FAILED|^    ' "$1"; fi
  return "$status"
}

# run_pytest LOG FOLDER OPTION...: the log ends with the tests that took longest, so that a slow run explains itself.
run_pytest() {
  local status=0 summary
  build_if_needed "$1" || return 1
  "$VENV/bin/pytest" -q -ra --durations=10 -p no:cacheprovider --color=no "${@:2}" >"$1" 2>&1 || status=$?
  summary=$(tail -n 1 -- "$1")
  [[ ! $summary =~ ([0-9]+)\ passed ]] || PASSED=${BASH_REMATCH[1]}
  [[ ! $summary =~ ([0-9]+)\ failed ]] || FAILED=${BASH_REMATCH[1]}
  [[ ! $summary =~ ([0-9]+)\ errors? ]] || FAILED=$((FAILED + BASH_REMATCH[1]))
  return "$status"
}

# build_if_needed LOG: for a part that runs without `build` before it.
build_if_needed() {
  if wants build; then return; fi
  build_all >"$1" 2>&1
}

# build_all: the executables as deploy/run.sh builds them, and the tests beside them. With --build-tests SwiftPM would compile every
# module so that tests may see into it: other binaries than those that ship, slower ones, and both are built again at each change of mind.
build_all() {
  swift build -c release && swift build -c release --product fantailPackageTests
}

# in_short PATTERN LOG: keeps the lines that matter, to be shown instead of the end of the log.
in_short() { grep -E -- "$1" "$2" >"$2.short" || rm -f -- "$2.short"; }

# show_failure LOG
show_failure() {
  local shown=$1
  [[ ! -s $1.short ]] || shown=$1.short
  tail -n "$FAILURE_LINES" -- "$shown" | cut -c1-400 | sed 's/^/   /'
}

# --- the end ----------------------------------------------------------------------------------------------------------

show_table() {
  local row part result passed failed seconds total=0 format='%-10s %-7s %7s %7s %6s s\n'
  say
  printf '%-10s %-7s %7s %7s %8s\n' part result passed failed time
  for row in "${ROWS[@]}"; do
    read -r part result passed failed seconds <<<"$row"
    total=$((total + seconds))
    # shellcheck disable=SC2059 # the format is a constant of this function
    printf "$format" "$part" "$result" "$passed" "$failed" "$seconds"
  done
  # shellcheck disable=SC2059
  printf "$format" all '' "$PASSED_SUM" "$FAILED_SUM" "$total"
  say
  say "$PASSED_SUM passed, $FAILED_SUM failed"
}

main "$@"
