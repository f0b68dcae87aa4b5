# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names are shared with deploy/torture.sh, which reads this file
#
# Several hosts on one machine, for deploy/torture.sh: network namespaces with a cable each, and a switch between them. Node number n of
# a role is on host n modulo HOST_COUNT; whoever loads the cluster is on the switch. Their addresses are 10.93.S.1, .2, ...; S is drawn,
# so that two runs do not meet.

readonly HOST_COUNT=3
# Lossy: so many packets of a hundred that come to a host are dropped. Slow: what its cable carries, and how long it keeps what is too
# much; a burst of messages waits for half a second.
readonly LOSS_PERCENT=20 SLOW_RATE=400kbit SLOW_LATENCY=500ms

# What holds at present, by host: "due kind"; a host has one trouble at a time.
declare -A CABLE_TROUBLE=()

# make_hosts: sets SWITCH, and HOSTS_TROUBLE (why there are none) where it cannot.
make_hosts() {
  local number
  SWITCH='' HOSTS_TROUBLE=''
  if [[ -n $POSTGRES ]]; then
    HOSTS_TROUBLE='the database is reached by loopback'
  elif ((EUID != 0)); then
    HOSTS_TROUBLE='only root may make network namespaces'
  elif ! command -v ip >/dev/null || ! command -v tc >/dev/null || ! command -v nft >/dev/null; then
    HOSTS_TROUBLE='ip, tc or nft is missing (iproute2, nftables)'
  else
    for number in {1..20}; do
      SUBNET=$((RANDOM % 250 + 1))
      SWITCH=ftl$SUBNET
      if ip link add "$SWITCH" type bridge 2>"$HOME_DIR/hosts.log"; then break; fi
      SWITCH=''
    done
    if [[ -z $SWITCH ]] || ! wire_hosts 2>>"$HOME_DIR/hosts.log"; then
      HOSTS_TROUBLE="this machine makes no network namespaces ($(tail -n 1 -- "$HOME_DIR/hosts.log"))"
      remove_hosts
    fi
  fi
  if [[ -n $HOSTS_TROUBLE ]]; then warn "CABLES THAT ARE CUT, LOSSY OR SLOW ARE NOT TESTED: $HOSTS_TROUBLE"; fi
}

wire_hosts() {
  local number space
  ip addr add "10.93.$SUBNET.254/24" dev "$SWITCH" || return 1
  ip link set "$SWITCH" up || return 1
  for ((number = 1; number <= HOST_COUNT; number++)); do
    space=$(host_space "$number")
    ip netns add "$space" || return 1
    ip link add "$(cable "$number")" type veth peer name eth0 netns "$space" || return 1
    ip link set "$(cable "$number")" master "$SWITCH" up || return 1
    ip -n "$space" addr add "$(host_address "$number")/24" dev eth0 || return 1
    ip -n "$space" link set lo up && ip -n "$space" link set eth0 up || return 1
    ip netns exec "$space" nft 'add table ip fantail; add chain ip fantail in { type filter hook input priority 0; }' || return 1
  done
}

remove_hosts() {
  local number
  [[ -n ${SWITCH:-} ]] || return 0
  for ((number = 1; number <= HOST_COUNT; number++)); do
    ip netns del "$(host_space "$number")" 2>/dev/null
    ip link del "$(cable "$number")" 2>/dev/null
  done
  ip link del "$SWITCH" 2>/dev/null
  SWITCH=''
}

host_space() { printf 'fantail-%s-%s' "$SUBNET" "$1"; }
host_address() { printf '10.93.%s.%s' "$SUBNET" "$1"; }
# cable NUMBER: the switch's end of it.
cable() { printf '%sp%s' "$SWITCH" "$1"; }
# host_of NODE
host_of() { printf '%s' $(((${1##*-} - 1) % HOST_COUNT + 1)); }

# place_nodes: gives each node of the cluster file the address of its host, and writes the command that starts it there.
place_nodes() {
  local starter=$HOME_DIR/on-host
  awk -v subnet="$SUBNET" -v count="$HOST_COUNT" '
    /^(gateway|parser|session|group|last-seen|persistence|media|api) / {
      number = $2; sub(/.*-/, "", number)
      gsub(/127[.]0[.]0[.]1:/, "10.93." subnet "." ((number - 1) % count + 1) ":")
    }
    { print }' "$CLUSTER_FILE" >"$CLUSTER_FILE.placed"
  mv -- "$CLUSTER_FILE.placed" "$CLUSTER_FILE"
  cat >"$starter" <<STARTER
#!/bin/sh
# Starts a service on its host: on-host NODE COMMAND...
number=\${1##*-}
shift
exec ip netns exec "fantail-$SUBNET-\$(((number - 1) % $HOST_COUNT + 1))" "\$@"
STARTER
  chmod 700 -- "$starter"
  export FANTAIL_START=$starter
}

# strike_cable KIND NODE CENTISECONDS: status 1 when nothing was done.
strike_cable() {
  local kind=$1 length=$3 host from space
  [[ -n $SWITCH ]] || { note "a cable would be $kind; not tested here"; return 1; }
  host=$(host_of "$2") space=$(host_space "$host")
  [[ -z ${CABLE_TROUBLE[$host]:-} ]] || { note "host $host would be $kind, but is ${CABLE_TROUBLE[$host]#* } already"; return 1; }
  case $kind in
    cut) ip link set "$(cable "$host")" down ;;
    deaf)
      from=$(((host + length % (HOST_COUNT - 1)) % HOST_COUNT + 1))
      ip netns exec "$space" nft "add rule ip fantail in ip saddr $(host_address "$from") drop"
      note "host $host hears nothing of host $from for $((length * 10)) ms"
      ;;
    lossy) ip netns exec "$space" nft "add rule ip fantail in numgen random mod 100 < $LOSS_PERCENT drop" ;;
    slow) tc qdisc add dev "$(cable "$host")" root tbf rate "$SLOW_RATE" burst 8kb latency "$SLOW_LATENCY" ;;
  esac
  [[ $kind == deaf ]] || note "host $host is $kind for $((length * 10)) ms"
  CABLE_TROUBLE[$host]="$(($(centiseconds) + length)) $kind"
}

# mend_cables NOW: those whose time is over.
mend_cables() {
  local host due kind
  for host in "${!CABLE_TROUBLE[@]}"; do
    read -r due kind <<<"${CABLE_TROUBLE[$host]}"
    ((due <= $1)) || continue
    case $kind in
      cut) ip link set "$(cable "$host")" up ;;
      deaf | lossy) ip netns exec "$(host_space "$host")" nft 'flush chain ip fantail in' ;;
      slow) tc qdisc del dev "$(cable "$host")" root ;;
    esac
    unset "CABLE_TROUBLE[$host]"
  done
}
