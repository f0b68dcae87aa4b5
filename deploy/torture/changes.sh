# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2153,SC2154 # dollars of awk; names are shared with deploy/torture.sh, which reads this file
#
# Another cluster file while deploy/torture.sh strikes: nodes are drained and stay after all, get another weight, join, and leave
# without a word. One change at a time, as an operator would make them.

# A change is told to every node; whoever cannot be told within this, seconds, hears of it from its peers.
readonly CHANGE_SECONDS=15
# The guest: a session node that joins and leaves. Its number is none of the others'.
readonly GUEST=session-9

CHANGE_PID=0
# "name": a node that is being drained.
DRAINED=''

# change_cluster NODE CENTISECONDS: status 1 when nothing was changed. What is done depends on the length alone, so that a seed means
# the same again.
change_cluster() {
  local node=$1 role=${ROLE[$1]} lot=$(($2 % 4))
  if ((CHANGE_PID)) && is_running "$CHANGE_PID"; then
    note 'the cluster would change, but is changing already'
    return 1
  fi
  case $role in
    gateway | parser | session | group | last-seen) ;;
    *) node=session-$(($2 % 3 + 1)) role=session ;;
  esac
  case $lot in
    0 | 1)
      if [[ -n $DRAINED ]]; then
        note "$DRAINED stays after all"
        in_background cluster stay "$DRAINED"
        DRAINED=''
      else
        # The last one of its role would have nowhere to go.
        [[ $role != last-seen ]] || node=session-1
        note "$node is drained"
        in_background cluster drain "$node"
        DRAINED=$node
      fi
      ;;
    2)
      [[ $role == session || $role == group ]] || node=session-$(($2 % 3 + 1))
      edit_file -v "node=$node" -v "weight=$(($2 % 3 + 1))" '
        $2 == node { sub(/ +weight=[0-9]+/, ""); sub(/$/, " weight=" weight) }'
      note "$node gets weight $(($2 % 3 + 1))"
      ;;
    3)
      if grep -q " $GUEST " -- "$CLUSTER_FILE"; then
        note "$GUEST leaves"
        in_background cluster remove "$GUEST" --force
      else
        edit_file -v "guest=$GUEST" -v "rpc=$((PORT_BASE + 129))" -v "admin=$((PORT_BASE + 229))" -v "switch=${SWITCH:+10.93.$SUBNET.}" -v "hosts=$HOST_COUNT" '
          { line = $0 }
          $1 == "session" && !isThere { host = switch == "" ? "127.0.0.1" : switch ((9 - 1) % hosts + 1); isThere = 1
            print "session " guest " " host ":" rpc " " host ":" admin }'
        note "$GUEST joins"
      fi
      ;;
  esac
}

# edit_file AWK-ARGUMENT...: applies the cluster file with that change and the next epoch.
edit_file() {
  awk "${@:1:$#-1}" "$(printf '$1 == "epoch" { $2 = $2 + 1 }\n%s\n{ print }' "${@: -1}")" "$CLUSTER_FILE" >"$HOME_DIR/changed.conf"
  in_background cluster apply "$HOME_DIR/changed.conf" --force
}

in_background() {
  timeout "$CHANGE_SECONDS" "$BIN_DIR/fantail" "$@" --home "$HOME_DIR" </dev/null >>"$HOME_DIR/changes.log" 2>&1 &
  CHANGE_PID=$!
}

# end_changes: nobody is drained any more, and the file is as everybody shall have it.
end_changes() {
  if ((CHANGE_PID)); then
    wait "$CHANGE_PID" 2>/dev/null || true
    CHANGE_PID=0
  fi
  [[ -n $DRAINED ]] || return 0
  timeout "$CHANGE_SECONDS" "$BIN_DIR/fantail" cluster stay "$DRAINED" --home "$HOME_DIR" </dev/null >>"$HOME_DIR/changes.log" 2>&1 || true
  DRAINED=''
}

# judge_epochs: everybody goes by the file.
judge_epochs() {
  local wanted name answer epoch others=''
  wanted=$(sed -nE 's/^epoch +([0-9]+).*/\1/p' -- "$CLUSTER_FILE")
  for name in "${NODES[@]}"; do
    answer=$(ask "${ADMIN[$name]}" /cluster) || answer=''
    epoch=''
    if [[ $answer =~ \"epoch\":([0-9]+) ]]; then epoch=${BASH_REMATCH[1]}; fi
    [[ $epoch == "$wanted" ]] || others+=" $name (${epoch:-no answer})"
  done
  line "$((${#others} == 0))" 'epoch of everybody' "$wanted" "as in the file${others:+; not so:$others}"
}
