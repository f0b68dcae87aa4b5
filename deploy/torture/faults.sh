# shellcheck shell=bash
# shellcheck disable=SC2004,SC2034,SC2154 # names are shared with deploy/torture.sh, which reads this file
#
# What deploy/torture.sh does to processes and to the disk under them, and how it ends.

# mount_disk: a real file system, because a sync means nothing in memory. Without root nothing is mounted, and the verdict
# says so.
mount_disk() {
  local image=$HOME_DIR/disk.img folder=$HOME_DIR/persistence
  DISK_TROUBLE=''
  if [[ -n $POSTGRES ]]; then
    DISK_TROUBLE='messages are in a database; it was crashed instead'
    return
  fi
  if ((EUID != 0)); then
    DISK_TROUBLE='only root may mount a small file system'
  elif ! command -v mkfs.ext4 >/dev/null; then
    DISK_TROUBLE='mkfs.ext4 is missing (e2fsprogs)'
  else
    mkdir -m 700 -- "$folder"
    truncate -s "$DISK_BYTES" -- "$image"
    if mkfs.ext4 -q -m 0 "$image" 2>"$HOME_DIR/mount.log" && mount -o loop "$image" "$folder" 2>>"$HOME_DIR/mount.log"; then
      DISK=$folder
      chmod 700 -- "$folder"
    else
      DISK_TROUBLE="a file system in a file cannot be mounted here ($(tail -n 1 -- "$HOME_DIR/mount.log"))"
      rm -f -- "$image"
    fi
  fi
  if [[ -n $DISK_TROUBLE ]]; then warn "A FULL DISK IS NOT TESTED: $DISK_TROUBLE"; fi
}

# strike KIND NODE CENTISECONDS
strike() {
  local kind=$1 node=$2 length=$3 pid other count=0
  pid=$(node_pid "$node")
  case $kind in
    cut | deaf | lossy | slow) strike_cable "$kind" "$node" "$length" || return 0 ;;
    change) change_cluster "$node" "$length" || return 0 ;;
    kill | term)
      ((pid)) || { note "$node would get ${kind^^}, but does not run just now"; return 0; }
      kill -s "${kind^^}" "$pid" 2>/dev/null || return 0
      note "${kind^^} to $node"
      ;;
    stop)
      ((pid)) || { note "$node would be stopped, but does not run just now"; return 0; }
      kill -s STOP "$pid" 2>/dev/null || return 0
      STOPPED_NODES+=("$(($(centiseconds) + length)) $pid $node")
      note "STOP to $node for $((length * 10)) ms"
      ;;
    role | all)
      for other in "${NODES[@]}"; do
        [[ $kind == all || ${ROLE[$other]} == "${ROLE[$node]}" ]] || continue
        pid=$(node_pid "$other")
        if ((pid)) && kill -s KILL "$pid" 2>/dev/null; then count=$((count + 1)); fi
      done
      ((count)) || { note "nobody runs who could be killed"; return 0; }
      if [[ $kind == all ]]; then note "KILL to everybody ($count)"; else note "KILL to every ${ROLE[$node]} ($count)"; fi
      ;;
    full)
      if [[ -n $POSTGRES ]]; then
        crash_database
        HITS[full]=$((HITS[full] + 1))
        return 0
      fi
      [[ -n $DISK ]] || { note 'the disk would be filled; not tested here'; return 0; }
      ((FULL_UNTIL == 0)) || { note 'the disk would be filled, but is full already'; return 0; }
      fill_disk
      FULL_UNTIL=$(($(centiseconds) + 300 + length * 5 / 8))
      note "the disk is full for $((3000 + length * 50 / 8)) ms"
      ;;
  esac
  HITS[$kind]=$((HITS[$kind] + 1))
}

# crash_database: its server ends at once, as by a power cut, and recovers from its log.
crash_database() {
  local pid
  pid=$(head -n 1 -- "$HOME_DIR/postgres/data/postmaster.pid" 2>/dev/null) || pid=
  if [[ -n $pid ]]; then kill -s QUIT "$pid" 2>/dev/null || true; fi
  while [[ -n $pid ]] && is_running "$pid"; do sleep "$LOOK_SECONDS"; done
  start_database || die 'the database does not come back'
  note 'the database crashed and was started again'
}

# fill_disk: most of it at once, and then whatever the file system still gives.
fill_disk() {
  local free
  free=$(stat -f -c '%f*%S' -- "$DISK")
  fallocate -l "$(((free) * 9 / 10))" -- "$DISK/filler" 2>/dev/null || true
  dd if=/dev/zero of="$DISK/filler.rest" bs=64k 2>/dev/null || true
  dd if=/dev/zero of="$DISK/filler.last" bs=4k 2>/dev/null || true
}

empty_disk() {
  rm -f -- "$DISK/filler" "$DISK/filler.rest" "$DISK/filler.last"
  FULL_UNTIL=0
}

# end_faults [NOW]: those that are due; all of them without a time.
end_faults() {
  local now=${1:-9999999999999} line left=() due pid name
  for line in "${STOPPED_NODES[@]}"; do
    read -r due pid name <<<"$line"
    if ((due > now)); then
      left+=("$line")
    elif is_node "$pid" "$name"; then
      kill -s CONT "$pid" 2>/dev/null || true
    fi
  done
  STOPPED_NODES=("${left[@]}")
  mend_cables "$now"
  if ((FULL_UNTIL > 0 && FULL_UNTIL <= now)); then empty_disk; fi
}
