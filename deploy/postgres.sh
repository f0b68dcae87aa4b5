#!/usr/bin/env bash
# A PostgreSQL server on this machine, for one cluster or one test run.
#
#   deploy/postgres.sh start DIR PORT   makes it in DIR where it is missing, starts it on 127.0.0.1:PORT, and prints its URL
#   deploy/postgres.sh stop DIR         stops it; what it keeps stays
#
# DIR/postgres.pass is what clients need, in libpq's format. Started by root, the server runs as the user postgres, who must be
# allowed to enter DIR. What is missing is installed: the Debian package postgresql.
#
# POSTGRES_OPTIONS in the environment: more options of the server, as `-c fsync=off` for tests whose data nobody needs.
#
# Exit status: 0 done; 1 something is in the way, and a sentence says what to do; 64 typed wrongly.

set -euo pipefail
SCRIPT=postgres.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# The user that owns everything, and the database.
readonly NAME=fantail
# A start takes a second, or as long as the recovery after a crash: for a busy server a minute, in seconds.
readonly START_SECONDS_MAX=60

main() {
  local command=${1:-} directory=${2:-} port=${3:-}
  case $command in
    start) [[ -n $directory && $port =~ ^[1-9][0-9]{2,4}$ && $# == 3 ]] || usage_error 'say: postgres.sh start DIR PORT' ;;
    stop) [[ -n $directory && $# == 2 ]] || usage_error 'say: postgres.sh stop DIR' ;;
    --help | -h) usage_text && exit 0 ;;
    *) usage_error 'say: postgres.sh start DIR PORT, or postgres.sh stop DIR' ;;
  esac
  directory=$(realpath -m -- "$directory")
  find_server "$directory"
  if [[ $command == stop ]]; then stop "$directory"; else start "$directory" "$port"; fi
}

# find_server DIR: sets SERVER_BIN to the newest release on this machine.
find_server() {
  local newest
  newest=$(server_folders | tail -n 1)
  if [[ -z $newest ]]; then
    mkdir -p -- "$1"
    install_packages "$1/install.log" postgresql
    newest=$(server_folders | tail -n 1)
    [[ -n $newest ]] || die 'the package postgresql brought no server; install one of PostgreSQL 14 or later'
  fi
  SERVER_BIN=$newest
}

server_folders() {
  local path
  for path in /usr/lib/postgresql/*/bin; do [[ ! -x $path/initdb ]] || printf '%s\n' "$path"; done | sort -V
}

# as_server COMMAND...: root may not run the server.
as_server() {
  if ((EUID == 0)); then
    (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@")
  else
    "$@"
  fi
}

start() {
  local directory=$1 port=$2 log=$1/server.log
  if is_up "$directory"; then url "$port" && return; fi
  make_server "$directory" "$port"
  as_server "$SERVER_BIN/pg_ctl" start -w -s -t "$START_SECONDS_MAX" -D "$directory/data" -l "$log" \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' ${POSTGRES_OPTIONS:-}" >&2 || {
    indented "$log" "$SHOWN_LINES" >&2
    die "PostgreSQL did not start on port $port; its log is $log"
  }
  make_database "$directory" "$port"
  url "$port"
}

url() { printf 'postgresql://%s@127.0.0.1:%s/%s\n' "$NAME" "$1" "$NAME"; }

is_up() { [[ -e $1/data/postmaster.pid ]] && as_server "$SERVER_BIN/pg_ctl" status -D "$1/data" >/dev/null 2>&1; }

# make_server DIR PORT: an empty one whose only user has a password of 32 random bytes.
make_server() {
  local directory=$1 port=$2 password
  mkdir -p -- "$directory"
  if ((EUID == 0)); then
    chown postgres:postgres "$directory"
    as_server test -w "$directory" ||
      die "PostgreSQL runs as the user postgres, who may not enter $directory; choose a place that it may, with --home DIR"
  fi
  if [[ ! -s $directory/data/PG_VERSION ]]; then
    password=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && printf '%s\n' "$password" >"$directory/password")
    ((EUID != 0)) || chown postgres "$directory/password"
    as_server "$SERVER_BIN/initdb" -D "$directory/data" -U "$NAME" --auth=scram-sha-256 --pwfile="$directory/password" \
      --encoding=UTF8 --locale=C >"$directory/initdb.log" 2>&1 || {
      indented "$directory/initdb.log" "$SHOWN_LINES" >&2
      die "PostgreSQL could not make its files in $directory"
    }
  fi
  password=$(<"$directory/password")
  (umask 077 && printf '127.0.0.1:%s:*:%s:%s\n' "$port" "$NAME" "$password" >"$directory/postgres.pass")
}

make_database() {
  local ask=(env "PGPASSFILE=$1/postgres.pass" "$SERVER_BIN/psql" -h 127.0.0.1 -p "$2" -U "$NAME" -d postgres -XAtqc)
  [[ -n $("${ask[@]}" "SELECT 1 FROM pg_database WHERE datname = '$NAME'") ]] || "${ask[@]}" "CREATE DATABASE $NAME" >/dev/null
}

stop() {
  is_up "$1" || return 0
  as_server "$SERVER_BIN/pg_ctl" stop -w -s -m fast -D "$1/data" >&2
}

main "$@"
