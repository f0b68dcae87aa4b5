# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts that read this file
#
# What the scripts of this folder share: one table of nodes, how a process is recognised, asked and stopped, and what has
# to be on the machine.
#
# The table is the cluster file itself, read into arrays by `load_nodes`; start, wait, status and stop all walk it. A pid
# file holds a bare pid, and a pid alone proves nothing: numbers are reused. So nobody is ever signalled unless the command
# line of the process says that it is the node (or the launcher) of this very home. Nothing here looks for processes by name.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# Between two looks in a loop, seconds. Nothing here needs an answer sooner, and an idle launcher must cost nothing.
readonly LOOK_SECONDS=0.2
# From TERM to KILL, in looks: 5 s. A service needs one second to empty its queues and one commit.
readonly STOP_LOOKS_MAX=25
# From the start of all nodes to ready, in centiseconds: 30 s. Healthy nodes take one or two seconds.
readonly READY_CENTISECONDS_MAX=3000
# An admin page that does not answer within this counts as not ready, seconds.
readonly ASK_SECONDS_MAX=1
# Lines of a log that are shown when something fails: enough for a reason, and the screen keeps what came before.
readonly SHOWN_LINES=5
# A log larger than this is set aside when its node is started, bytes. One older log is kept, so a node has twice this.
readonly LOG_BYTES_MAX=$((16 * 1024 * 1024))

# say SENTENCE...: what is going on.
say() { printf '%s\n' "$*"; }
# warn SENTENCE...: what is wrong, on standard error.
warn() { printf '%s: %s\n' "${SCRIPT:-fantail}" "$*" >&2; }
# die SENTENCE...: what is wrong and what to type; ends the script.
die() { warn "$@"; exit 1; }
# usage_error SENTENCE...: as `die`, with the status for a command that was typed wrongly (EX_USAGE of sysexits.h).
usage_error() { warn "$* (--help tells more)"; exit 64; }

# --- the home ---------------------------------------------------------------------------------------------------------

# set_home DIR: everything of one cluster lies there; an empty DIR means $FANTAIL_HOME, or .fantail in the checkout.
# Sets HOME_DIR (absolute), CLUSTER_FILE, RUN_DIR and LOG_DIR. Makes nothing.
set_home() {
  HOME_DIR=$(realpath -m -- "${1:-${FANTAIL_HOME:-$ROOT/.fantail}}")
  CLUSTER_FILE=$HOME_DIR/cluster.conf
  RUN_DIR=$HOME_DIR/run
  LOG_DIR=$HOME_DIR/logs
}

# quoted WORD: the word as it has to be typed.
quoted() { if [[ $1 == *[!A-Za-z0-9_./:@%+=-]* ]]; then printf '%q' "$1"; else printf '%s' "$1"; fi; }

# home_option: what to type behind another script to mean this home; empty for the default.
home_option() {
  if [[ $HOME_DIR != "$ROOT/.fantail" ]]; then printf -- ' --home %s' "$(quoted "$HOME_DIR")"; fi
}

# --- the table of nodes -----------------------------------------------------------------------------------------------

# load_nodes: reads the lines "role name rpc admin [client=address]" of the cluster file into NODES (names, in the order of
# the file) and, by name, ROLE, RPC, ADMIN and CLIENT (empty without one), and SCHEME of what clients open: https with TLS,
# else http. That the file is right is for `fantail cluster` to say; here a line that is no node is passed over.
load_nodes() {
  local role name rpc admin rest word
  NODES=() SCHEME=http
  declare -gA ROLE=() RPC=() ADMIN=() CLIENT=()
  while read -r role name rpc admin rest || [[ -n $role ]]; do
    if [[ $role == tls && " $name $rpc $admin $rest " == *' clients=on '* ]]; then SCHEME=https; fi
    case $role in gateway | parser | session | group | last-seen | persistence | media | api) ;; *) continue ;; esac
    [[ -n $admin ]] || continue
    NODES+=("$name")
    ROLE[$name]=$role RPC[$name]=$rpc ADMIN[$name]=$admin CLIENT[$name]=
    for word in $rest; do
      [[ $word != '#'* ]] || break
      if [[ $word == client=* ]]; then CLIENT[$name]=${word#client=}; fi
    done
  done <"$CLUSTER_FILE"
}

# --- processes --------------------------------------------------------------------------------------------------------

# is_running PID: it exists and is no zombie. Where the first process of a container is slow to reap, a dead orphan still
# answers `kill -0`, so the state counts, not the number.
is_running() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  [[ ${stat:0:1} != [ZX] ]]
}

# command_line PID: its words, one space behind each; nothing when it has gone.
command_line() {
  local words=()
  { mapfile -d '' -t words <"/proc/$1/cmdline"; } 2>/dev/null || return 0
  printf '%s ' "${words[@]}"
}

# is_node PID NAME: a running process, and that node of this home.
is_node() {
  is_running "$1" && [[ $(command_line "$1") == *" --cluster $CLUSTER_FILE --node $2 "* ]]
}

# is_launcher PID: a running process, and the launcher of this home.
is_launcher() {
  is_running "$1" && [[ $(command_line "$1") == *"/launcher.sh --home $HOME_DIR "* ]]
}

# read_pid NAME: the pid in the pid file, 0 when there is none or it holds something else.
read_pid() {
  local pid=
  { read -r pid <"$RUN_DIR/$1.pid"; } 2>/dev/null || true
  [[ $pid =~ ^[1-9][0-9]{0,9}$ ]] || pid=0
  printf '%s' "$pid"
}

# node_pid NAME: the pid of that node if it runs, else 0.
node_pid() {
  local pid
  pid=$(read_pid "$1")
  if ((pid)) && is_node "$pid" "$1"; then printf '%s' "$pid"; else printf 0; fi
}

# launcher_pid: the pid of this home's launcher if it runs, else 0.
launcher_pid() {
  local pid
  pid=$(read_pid launcher)
  if ((pid)) && is_launcher "$pid"; then printf '%s' "$pid"; else printf 0; fi
}

# running_nodes: "pid name" of every pid file whose node runs, a line each. Walks the pid files and not the table, because
# the cluster file may have been changed since they were started.
running_nodes() {
  local file name pid
  for file in "$RUN_DIR"/*.pid; do
    name=${file##*/} name=${name%.pid}
    [[ -e $file && $name != launcher ]] || continue
    pid=$(node_pid "$name")
    if ((pid)); then say "$pid $name"; fi
  done
}

# remove_pid_files: of everything that does not run.
remove_pid_files() {
  local file name
  for file in "$RUN_DIR"/*.pid; do
    name=${file##*/} name=${name%.pid}
    if [[ $name == launcher ]]; then
      [[ $(launcher_pid) != 0 ]] || rm -f -- "$file"
    else
      [[ $(node_pid "$name") != 0 ]] || rm -f -- "$file"
    fi
  done
}

# start_database: the PostgreSQL server of this home, where it has one (run.sh --postgres).
start_database() {
  [[ -d $HOME_DIR/postgres ]] || return 0
  local port
  port=$(sed -nE 's#^database +postgresql://fantail@127[.]0[.]0[.]1:([0-9]+)/fantail$#\1#p' "$CLUSTER_FILE")
  [[ -n $port ]] || return 0
  "$ROOT/deploy/postgres.sh" start "$HOME_DIR/postgres" "$port" >/dev/null || return 1
  (umask 077 && cp -- "$HOME_DIR/postgres/postgres.pass" "$HOME_DIR/secrets/postgres.pass")
}

# stop_database: behind the nodes.
stop_database() { [[ ! -d $HOME_DIR/postgres ]] || "$ROOT/deploy/postgres.sh" stop "$HOME_DIR/postgres"; }

# stop_nodes: stops every node of this home that runs: TERM to all, and KILL to those that are still there after 5 s.
# Sets STOPPED (how many) and KILLED (the names of those that did not go by themselves).
stop_nodes() {
  local lines=() line left=() looks
  mapfile -t lines < <(running_nodes)
  STOPPED=${#lines[@]} KILLED=
  signal_nodes TERM "${lines[@]}"
  left=("${lines[@]}")
  for ((looks = 0; looks < STOP_LOOKS_MAX && ${#left[@]} > 0; looks++)); do
    sleep "$LOOK_SECONDS"
    lines=("${left[@]}") left=()
    for line in "${lines[@]}"; do
      if is_node "${line%% *}" "${line#* }"; then left+=("$line"); fi
    done
  done
  signal_nodes KILL "${left[@]}"
  for line in "${left[@]}"; do KILLED+="${KILLED:+, }${line#* }"; done
  for ((looks = 0; looks < STOP_LOOKS_MAX && ${#left[@]} > 0; looks++)); do
    [[ -n $(running_nodes) ]] || break
    sleep "$LOOK_SECONDS"
  done
  remove_pid_files
}

# signal_nodes SIGNAL "pid name"...
signal_nodes() {
  local signal=$1 line
  for line in "${@:2}"; do kill -s "$signal" "${line%% *}" 2>/dev/null || true; done
}

# stopped_sentence: what `stop_nodes` did.
stopped_sentence() {
  local sentence="Stopped $STOPPED services."
  ((STOPPED != 1)) || sentence="Stopped 1 service."
  [[ -z $KILLED ]] || sentence="${sentence%.}; killed after 5 s, because they did not go: $KILLED."
  say "$sentence"
}

# up_since PID: the local time at which it started.
up_since() {
  local stat fields up started
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  read -ra fields <<<"${stat##*) }"
  up=$(centiseconds)
  # Field 22, in clock ticks since the machine started; all of it in centiseconds, so that neighbours agree on the second.
  started=$((fields[19] * 100 / $(getconf CLK_TCK)))
  printf '%(%Y-%m-%d %H:%M:%S)T' $(((${EPOCHREALTIME/[.,]/} / 10000 - up + started) / 100))
}

# centiseconds: a steady clock that no change of the date moves.
centiseconds() {
  local up
  read -r up _ </proc/uptime
  printf '%s' "$((10#${up/./}))"
}

# --- doors ------------------------------------------------------------------------------------------------------------

# ask HOST:PORT PATH: the answer of an admin page, head and body; nothing when nobody answers in time. In a subshell,
# because a peer that hangs up while we write would end the shell by SIGPIPE.
ask() (
  trap 'exit 1' PIPE
  { exec {door}<>"/dev/tcp/${1%:*}/${1##*:}"; } 2>/dev/null || exit 1
  { printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$2" "$1" >&"$door"; } 2>/dev/null || exit 1
  while IFS= read -r -t "$ASK_SECONDS_MAX" -u "$door" line || [[ -n $line ]]; do
    printf '%s\n' "${line%$'\r'}"
    line=
  done 2>/dev/null
)

# readiness NAME: "ready", or what the node says about why it is not. Status 0 when it is ready.
readiness() {
  local answer
  answer=$(ask "${ADMIN[$1]}" /readyz) || answer=
  case $answer in
    'HTTP/1.'?' 200 '*) printf ready ;;
    'HTTP/1.'?' '*) printf 'not ready: %s' "$(reason "${answer##*$'\n'}")" && return 1 ;;
    *) printf 'not answering on %s' "${ADMIN[$1]}" && return 1 ;;
  esac
}

# reason LINE: the value of "reason" when the line is a JSON object that has one, else the line.
reason() {
  if [[ $1 =~ \"reason\":\"(([^\"\\]|\\.)*)\" ]]; then printf '%s' "${BASH_REMATCH[1]}"; else printf '%s' "$1"; fi
}

# load_listeners: the ports that somebody listens on, as the kernel lists them: LISTENER[port] is the socket's inode.
# Asking the kernel finds what a connect would not: a listener on another address of this machine, or a full queue.
load_listeners() {
  local address inode
  declare -gA LISTENER=()
  # Not line by line: for each line the shell goes back in the file, and the kernel lists everything before it again.
  while read -r address inode; do
    LISTENER[$((16#${address##*:}))]=$inode
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2, $10 }')
}

# holder INODE: "process PID (command)" of whoever holds that socket; nothing when we may not see it.
holder() {
  local path pid
  path=$(find /proc/[0-9]*/fd -lname "socket:\[$1\]" -print -quit 2>/dev/null) || true
  [[ $path =~ ^/proc/([0-9]+)/ ]] || return 0
  pid=${BASH_REMATCH[1]}
  printf 'process %s (%s)' "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null || printf 'gone by now')"
}

# --- logs -------------------------------------------------------------------------------------------------------------

# rotate_log FILE: sets a log that has grown large aside.
rotate_log() {
  local bytes
  bytes=$(stat -c %s -- "$1" 2>/dev/null) || return 0
  if ((bytes > LOG_BYTES_MAX)); then mv -f -- "$1" "$1.1"; fi
}

# indented FILE COUNT: its last lines, moved to the right and cut to the width of a screen.
indented() {
  if [[ -s $1 ]]; then tail -n "$2" -- "$1" | cut -c1-240 | sed 's/^/    /'; else say '    (the log is empty)'; fi
}

# --- what has to be on the machine ------------------------------------------------------------------------------------

# The system libraries: how pkg-config calls them, the header that shows them where there is no pkg-config, and the
# Debian package that brings them.
readonly LIBRARIES=(
  'sqlite3 sqlite3.h libsqlite3-dev'
  'libssl openssl/ssl.h libssl-dev'
  'libpq postgresql/libpq-fe.h libpq-dev'
)

require_swift() {
  local version
  command -v swift >/dev/null ||
    die 'swift is missing: install a Swift 6 toolchain (https://www.swift.org/install/linux/), put its usr/bin into PATH,' \
      "and type deploy/$SCRIPT again"
  version=$(swift --version 2>/dev/null) || version=
  [[ $version =~ Swift\ version\ ([0-9]+) ]] || die "swift does not run: type 'swift --version' to see why"
  ((BASH_REMATCH[1] >= 6)) ||
    die "Swift 6 is needed, and $(command -v swift) is older (${version%%$'\n'*}): https://www.swift.org/install/linux/"
}

# require_libraries LOG: installs the system libraries that are missing.
require_libraries() {
  local line name header package missing=()
  for line in "${LIBRARIES[@]}"; do
    read -r name header package <<<"$line"
    has_library "$name" "$header" || missing+=("$package")
  done
  install_packages "$1" "${missing[@]}"
}

# has_library NAME HEADER
has_library() {
  if command -v pkg-config >/dev/null; then pkg-config --exists "$1"; else [[ -e /usr/include/$2 || -e /usr/local/include/$2 ]]; fi
}

# install_packages LOG PACKAGE...: installs Debian packages when we may, and otherwise says what to type. The lists of
# packages are fetched only when they do not know one.
install_packages() {
  local log=$1 packages=("${@:2}") become=() install
  ((${#packages[@]} > 0)) || return 0
  command -v apt-get >/dev/null ||
    die "something is missing on this machine: install what your system calls ${packages[*]}, and start again"
  if ((EUID != 0)); then
    { command -v sudo && sudo -n true; } >/dev/null 2>&1 ||
      die "something is missing on this machine. Type: sudo apt-get install -y ${packages[*]}"
    become=(sudo -n)
  fi
  say "Installing ${packages[*]} ..."
  install=("${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}")
  { "${install[@]}" || { "${become[@]}" apt-get update && "${install[@]}"; }; } >"$log" 2>&1 || {
    indented "$log" "$SHOWN_LINES" >&2
    die "apt-get could not install them. Type: ${become[*]:+sudo }apt-get update, then ${become[*]:+sudo }apt-get install -y ${packages[*]}"
  }
}

# --- the usual beginning of a script ----------------------------------------------------------------------------------

# option_value NAME VALUE...: the value behind an option, or the sentence that it is missing.
option_value() {
  [[ $# -ge 2 && -n $2 && $2 != --* ]] || usage_error "$1 needs a value"
  printf '%s' "$2"
}

# usage_text: the comment at the top of the calling script, without its marks: the usage is written once, there.
usage_text() { sed -n '2,/^$/{s/^# \{0,1\}//p}' "${BASH_SOURCE[1]}"; }
