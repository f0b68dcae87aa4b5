#!/usr/bin/env bash
# Makes the images, starts deploy/compose.yaml's cluster with podman, a container for each process, chats through it, kills
# containers, and cleans up. Checks compose.yaml and deploy/kubernetes against their schemas as well.
#
#   deploy/containers-test.sh [options]
#
#   --keep        leave the containers running, to look at them
#   --remove      remove what --keep left, and nothing else
#   --no-build    make images of what is compiled already
#   --manifests   check the manifests and start nothing
#
# Every container has an address of its own that is written into all of them: what is tried here is Fantail, and not the name server
# of podman, which leaves questions unanswered for seconds while containers come and go. (Names that hang or come late are for
# Tests/ServiceKitTests.) Where podman does not work (no namespaces, no network of its own) it says SKIPPED and why, and has checked the manifests alone.
# The last line is `N passed, M failed`. Exit status: 0 all passed; 1 something failed; 64 a wrong option.

set -euo pipefail
SCRIPT=containers-test.sh
# shellcheck source=deploy/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly PREFIX=fantail-test
readonly TAG=test
readonly WORK=$ROOT/.build-static/test
readonly CONF=$ROOT/deploy/compose/cluster/cluster.conf
readonly VENV=$ROOT/.build/venv-manifests
readonly FANTAIL=$ROOT/.build/release/fantail
# One network for this run, on loopback's side of the machine; some ports of 127.0.0.1 lead in.
readonly PORTS=(28080 28081)
# And one to files; the same as in public= of the cluster file that the containers get.
readonly MEDIA_PORT=28082
readonly API_PORT=28083
# From start to ready, in looks of 0.2 s.
readonly READY_LOOKS_MAX=300
PASSED=0 FAILED=0

main() {
  mkdir -p -- "$WORK"
  podman_settings
  read_arguments "$@"
  check_manifests
  if [[ -n $WITH_CONTAINERS ]] && works; then
    trap leave EXIT
    build
    if can_run; then
      run_cluster
      # What never came up would fail every question, a minute each.
      if ((FAILED == 0)); then
        chat_through_it
        use_the_tool
        pull_plugs
        look_at_images
      else
        say '   and so nothing was tried on it'
      fi
    fi
  fi
  printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
  ((FAILED == 0))
}

read_arguments() {
  KEEP='' BUILD_OPTIONS=() WITH_CONTAINERS=1
  while (($# > 0)); do
    case $1 in
      --keep) KEEP=1 ;;
      --remove) remove_all && exit 0 ;;
      --no-build) BUILD_OPTIONS=(--no-build) ;;
      --manifests) WITH_CONTAINERS='' ;;
      --help | -h) usage_text && exit 0 ;;
      *) usage_error "there is no option $1" ;;
    esac
    shift
  done
}

# check SENTENCE COMMAND...: counts whether it succeeds, and says it when it does not.
check() {
  local sentence=$1 status=0
  shift
  "$@" >"$WORK/check.log" 2>&1 || status=$?
  if ((status == 0)); then
    say "   ok: $sentence"
    PASSED=$((PASSED + 1))
  else
    say "   FAILED: $sentence"
    indented "$WORK/check.log" 60
    FAILED=$((FAILED + 1))
  fi
}

# --- manifests --------------------------------------------------------------------------------------------------------

check_manifests() {
  local file
  if [[ ! -x $VENV/bin/kubernetes-validate ]]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages "$WORK/install.log" python3-venv
    { python3 -m venv "$VENV" && "$VENV/bin/pip" install --disable-pip-version-check -r "$ROOT/deploy/kubernetes/requirements.txt"; } \
      >"$WORK/venv.log" 2>&1 || die "the validators could not be installed; everything pip said is in $WORK/venv.log"
  fi
  check 'compose.yaml keeps the compose specification' \
    "$VENV/bin/check-jsonschema" --builtin-schema vendor.compose-spec "$ROOT/deploy/compose.yaml"
  for file in "$ROOT"/deploy/kubernetes/*.yaml; do
    check "kubernetes/${file##*/} keeps Kubernetes' own schema" "$VENV/bin/kubernetes-validate" --strict "$file"
  done
  check 'compose.yaml starts the nodes of compose/cluster/cluster.conf' same_nodes "$ROOT/deploy/compose.yaml" "$CONF" compose_nodes
  sed -n 's/^    //p' -- "$ROOT/deploy/kubernetes/cluster.yaml" >"$WORK/kubernetes.conf"
  check 'the StatefulSets are the nodes of kubernetes/cluster.yaml' same_nodes "$ROOT/deploy/kubernetes" "$WORK/kubernetes.conf" stateful_nodes
  if [[ -x $FANTAIL ]]; then
    check "compose/cluster/cluster.conf is one" "$FANTAIL" cluster nodes --cluster "$CONF"
    check "kubernetes/cluster.yaml holds one" "$FANTAIL" cluster nodes --cluster "$WORK/kubernetes.conf"
  fi
}

# same_nodes WHERE CONF READER: the names that READER finds in WHERE are those of the cluster file.
same_nodes() {
  diff <("$3" "$1" | sort) <(awk '$1 ~ /^(gateway|parser|session|group|last-seen|persistence|media|api)$/ { print $2 }' "$2" | sort)
}

compose_nodes() { sed -nE 's/^    command: .*--node, ([a-z0-9-]+),.*/\1/p' -- "$1"; }

stateful_nodes() {
  local file name count index
  for file in "$1"/*.yaml; do
    grep -q '^kind: StatefulSet' -- "$file" || continue
    name=$(sed -nE 's/^  serviceName: (.*)/\1/p' -- "$file")
    count=$(sed -nE 's/^  replicas: (.*)/\1/p' -- "$file")
    for ((index = 0; index < count; index++)); do say "$name-$index"; done
  done
}

# --- podman -----------------------------------------------------------------------------------------------------------

# podman_settings: for every call of podman, the last one too: what made a network must take it down.
podman_settings() {
  # What a machine without systemd and with low limits needs; it harms no other.
  cat >"$WORK/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
CONF
  export CONTAINERS_CONF=$WORK/containers.conf
}

# works: podman is there, or comes, and can run something on a network of its own here.
works() {
  # A podman that somebody else installed may lack the parts that the settings name. Where nothing can be installed, podman says what it lacks.
  if ! command -v podman >/dev/null || ! command -v runc >/dev/null || ! command -v iptables >/dev/null || [[ ! -x /usr/lib/podman/netavark ]]; then
    (install_packages "$WORK/install.log" podman buildah runc netavark aardvark-dns iptables catatonit uidmap slirp4netns fuse-overlayfs) || true
  fi
  remove_all
  if podman network create "$PREFIX" >"$WORK/podman.log" 2>&1; then return 0; fi
  skip
}

# can_run: a container of ours may be started, with a network and a port that leads in.
can_run() {
  if podman run --rm --pull=never --network "$PREFIX" -p "127.0.0.1:${PORTS[0]}:8080" "localhost/fantail/gateway:$TAG" --version \
    >"$WORK/podman.log" 2>&1; then return 0; fi
  skip
}

skip() {
  say '   SKIPPED: podman does not work on this machine, so no container was started. It said:'
  indented "$WORK/podman.log" "$SHOWN_LINES"
  return 1
}

build() {
  local program
  check 'an image of each program is made' "$ROOT/deploy/build-images.sh" --tag "$TAG" --engine podman "${BUILD_OPTIONS[@]}"
  for program in gateway parser session group last-seen persistence media api fantail; do
    check "the image of $program has less than 25 MB" small "localhost/fantail/$program:$TAG"
  done
}

small() { (($(podman image inspect --format '{{.Size}}' "$1") < 25 * 1000 * 1000)); }

# leave: the end of the script, however it ends.
leave() {
  if [[ -n $KEEP ]]; then say "   they still run; remove them with: deploy/containers-test.sh --remove"; else remove_all; fi
}

remove_all() {
  local ids
  mapfile -t ids < <(podman ps -aq --filter "label=$PREFIX" 2>/dev/null)
  ((${#ids[@]} == 0)) || podman rm -f -t 0 "${ids[@]}" >/dev/null 2>&1 || true
  podman volume rm -f "$PREFIX-persistence" "$PREFIX-media" "$PREFIX-api" >/dev/null 2>&1 || true
  podman network rm -f "$PREFIX" >/dev/null 2>&1 || true
}

# create NAME ROLE OPTION...: a container as compose.yaml has it, and where all others are.
create() {
  local name=$1 role=$2 flags file mounts=()
  flags=(--cluster /etc/fantail/cluster/cluster.conf --data /data --node "$name" --secret /etc/fantail/secrets/cluster.key)
  [[ $role != gateway ]] || flags+=(--keys /etc/fantail/secrets/tokens.keys)
  [[ $role != api ]] || flags+=(--api-keys /etc/fantail/secrets/api.keys)
  # Only the secrets that its options name.
  for file in "${flags[@]}"; do
    [[ $file != /etc/fantail/secrets/* ]] || mounts+=(-v "$WORK/secrets/${file##*/}:$file:ro")
  done
  podman create --pull=never --name "$PREFIX-$name" --hostname "$name" --network "$PREFIX" --ip "${ADDRESS[$name]}" "${HOSTS[@]}" \
    --label "$PREFIX" --restart=always --read-only --cap-drop=all --security-opt=no-new-privileges \
    -v "$WORK/cluster:/etc/fantail/cluster:ro" "${mounts[@]}" "${@:3}" "localhost/fantail/$role:$TAG" "${flags[@]}"
}

run_cluster() {
  local role name port=0 options
  rm -rf -- "${WORK:?}/secrets" "${WORK:?}/home" "${WORK:?}/cluster" "${WORK:?}/clients"
  mkdir -p -- "$WORK/secrets" "$WORK/home" "$WORK/cluster"
  openssl rand -hex 32 >"$WORK/secrets/cluster.key"
  printf 'test-1 HS256 %s sign\n' "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d =)" >"$WORK/secrets/tokens.keys"
  printf 'test-1 %s\n' "$(openssl rand -hex 32)" >"$WORK/secrets/api.keys"
  # As compose/make-secrets.sh does: the services run as user and group 10001.
  chgrp 10001 -- "$WORK"/secrets/*.key* 2>/dev/null || podman unshare chgrp 10001 -- "$WORK"/secrets/*.key*
  chmod 0440 -- "$WORK"/secrets/*.key*
  sed "s|public=[^ ]*|public=http://127.0.0.1:$MEDIA_PORT|" -- "$CONF" >"$WORK/cluster/cluster.conf"
  give_addresses
  while read -r role name _; do
    case $role in gateway | parser | session | group | last-seen | persistence | media | api) ;; *) continue ;; esac
    options=()
    if [[ $role == gateway ]]; then options=(-p "127.0.0.1:${PORTS[port]}:8080") && port=$((port + 1)); fi
    case $role in
      persistence | media | api) options=(-v "$PREFIX-$role:/data") ;;
    esac
    [[ $role != media ]] || options+=(-p "127.0.0.1:$MEDIA_PORT:8080")
    [[ $role != api ]] || options+=(-p "127.0.0.1:$API_PORT:8080")
    check "a container of $name is made" create "$name" "$role" "${options[@]}"
  done <"$CONF"
  check 'all of them start' podman start "${NAMES[@]/#/$PREFIX-}"
  check 'all of them are ready within a minute' all_ready
}

# give_addresses: to each node of the cluster one of podman's network. Sets NAMES, in the order of the file, ADDRESS and HOSTS.
give_addresses() {
  local role name subnet number=10
  subnet=$(podman network inspect --format '{{(index .Subnets 0).Subnet}}' "$PREFIX")
  NAMES=() HOSTS=()
  declare -gA ADDRESS=()
  while read -r role name _; do
    case $role in gateway | parser | session | group | last-seen | persistence | media | api) ;; *) continue ;; esac
    ADDRESS[$name]=${subnet%.*}.$number
    HOSTS+=(--add-host "$name:${ADDRESS[$name]}")
    NAMES+=("$name")
    number=$((number + 1))
  done <"$CONF"
}

# probe NAME QUESTION: the executable of the image asks the process in its container.
probe() {
  local role=${1%-*}
  podman exec "$PREFIX-$1" "/$role" --cluster /etc/fantail/cluster/cluster.conf --data /data --node "$1" --probe "$2"
}

all_ready() {
  local looks name
  for ((looks = 0; looks < READY_LOOKS_MAX; looks++)); do
    for name in "${NAMES[@]}"; do
      probe "$name" ready >/dev/null 2>&1 || { sleep "$LOOK_SECONDS" && continue 2; }
    done
    return 0
  done
  say "$name is not ready; the state of all, and the last words of whoever is not ready:"
  podman ps -a --filter "label=$PREFIX" --format '{{.Names}}: {{.Status}}' | head -n 20
  for name in "${NAMES[@]}"; do
    probe "$name" ready >/dev/null 2>&1 || { say "-- $name" && podman logs --tail 5 "$PREFIX-$name" 2>&1; }
  done
  return 1
}

# --- chatting ---------------------------------------------------------------------------------------------------------

# outside_conf: the same cluster as this machine sees it, for the command line.
outside_conf() {
  awk -v ports="${PORTS[*]} $MEDIA_PORT $API_PORT" '
    BEGIN { split(ports, port, " ") }
    /client=0\.0\.0\.0:8080/ { sub(/client=0\.0\.0\.0:8080/, "client=127.0.0.1:" port[++seen]) }
    { print }' "$WORK/cluster/cluster.conf" >"$WORK/home/cluster.conf"
  mkdir -p -- "$WORK/home/secrets"
  cp -f -- "$WORK/secrets/cluster.key" "$WORK/secrets/tokens.keys" "$WORK/home/secrets/"
}

# send FROM TO TEXT / receive NAME TEXT: with `fantail send` and `fantail inbox`.
send() { "$FANTAIL" send --home "$WORK/home" --as "$1" --to "$2" --timeout 30s "$3"; }
receive() { "$FANTAIL" inbox --home "$WORK/home" --as "$1" | grep -F -- "$2"; }

chat_through_it() {
  outside_conf
  check 'ana writes to bob and has her tick' send ana bob 'through containers'
  check 'bob has it' receive bob 'through containers'
  check 'the page is served' page_is_served
  check 'a backend writes to bob' backend_writes
  check 'bob has that, too' receive bob 'from a backend'
  check 'a file goes in, and comes out the same' file_comes_back
}

file_comes_back() {
  head -c 300000 /dev/urandom >"$WORK/file"
  "$FANTAIL" media put --home "$WORK/home" --as ana "$WORK/file" >"$WORK/file.line"
  file_is_there
}

file_is_there() {
  "$FANTAIL" media get --home "$WORK/home" --as bob "$(cat -- "$WORK/file.line")" "$WORK/file.back"
  cmp -- "$WORK/file" "$WORK/file.back"
}

backend_writes() {
  "$VENV/bin/python" - "$API_PORT" "$WORK/secrets/api.keys" <<'PYTHON'
import json, sys, urllib.request
key = open(sys.argv[2]).read().split()[1]
body = json.dumps({"to": "bob", "id": "containers-1", "body": "from a backend"}).encode()
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/v1/messages", body, headers)
assert json.load(urllib.request.urlopen(request, timeout=20))["to"] == "bob"
PYTHON
}

page_is_served() {
  "$VENV/bin/python" -c 'import sys, urllib.request; sys.exit(b"<title>Fantail" not in urllib.request.urlopen(sys.argv[1], timeout=10).read())' \
    "http://127.0.0.1:${PORTS[0]}/"
}

# --- the tool's image ---------------------------------------------------------------------------------------------------

# tool WORD...: as docs/operations.md says, within the network; it writes the cluster file, so as whoever owns that.
tool() {
  podman run --rm --pull=never --label "$PREFIX" --user 0 --network "$PREFIX" "${HOSTS[@]}" -v "$WORK:/etc/fantail" \
    "localhost/fantail/fantail:$TAG" "$@"
}

use_the_tool() {
  check 'the tool says that all are ready' tool status
  check 'it writes to bob by a gateway of its network' tool send --as dora --to bob --gateway gateway-1:8080 'from the tool'
  # It succeeds once every node goes by the new file.
  check 'it drains a node' tool cluster drain session-3
  check 'it takes that back' tool cluster stay session-3
  check 'it says that it cannot move messages to PostgreSQL' cannot_migrate
}

cannot_migrate() {
  local answer status=0
  answer=$(tool store migrate 2>&1) || status=$?
  say "$answer"
  [[ $status == 1 && $answer == *'built without PostgreSQL'* ]]
}

pull_plugs() {
  local name
  for name in persistence-1 session-1 gateway-1; do
    check "ana writes while $name is about to die" send ana cem "before $name"
    check "$name is killed" podman kill --signal KILL "$PREFIX-$name"
    check "$name comes back" comes_back "$name"
    check "what was written before $name died is there" receive cem "before $name"
    check "and ana may go on" send ana cem "after $name"
  done
  check 'media-1 is killed' podman kill --signal KILL "$PREFIX-media-1"
  check 'media-1 comes back' comes_back media-1
  check 'and has the file' file_is_there
}

# podman restarts what died by itself; a kill by hand counts as wanted, so the test does what an orchestrator would.
comes_back() {
  podman start "$PREFIX-$1" >/dev/null
  all_ready
}

look_at_images() {
  check 'no service runs as root, or may write outside /data' all_locked
}

all_locked() {
  local name
  for name in "${NAMES[@]}"; do
    [[ $(podman inspect --format '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}' "$PREFIX-$name") == '10001:10001 true' ]] || return 1
  done
}

main "$@"
