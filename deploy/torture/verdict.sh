# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names are shared with deploy/torture.sh, which reads this file
#
# What deploy/torture.sh counts at the end, a line each; one that is broken breaks the verdict.

# judge_chat FILE: the report of the pairs.
judge_chat() {
  local leg
  has_report "$1" chat || return 0
  figure "$1" sent 'sent' any
  figure "$1" acked 'acknowledged' some
  figure "$1" delivered 'delivered' some
  figures "$1" none '' <<'LINES'
lost lost
duplicated duplicated
out_of_order out of order
foreign foreign or changed
refused refused for good
gaps inbox numbers given up
false_receipts receipts without a delivery
unanswered without an answer at the end
receipts_missing delivered, without receipt
LINES
  figure "$1" service_restarts 'services started again' any
  figure "$1" connections_lost 'connections lost' any
  figure "$1" repeated_sends 'sends repeated' any
  for leg in sent delivered receipt; do longest "$1" "$leg" "longest wait for $leg, ms"; done
  figure "$1" longest_open_ms 'longest wait of all, ms' any
  figure "$1" longest_away_ms 'longest without a connection, ms' any
}

# judge_group FILE: the report of the groups. Beside its own lines it must add up: each message is with each member.
judge_group() {
  local sent members groups leg
  has_report "$1" group || return 0
  sent=$(number "$1" sent) members=$(number "$1" members) groups=$(number "$1" groups)
  figure "$1" connected 'groups: clients connected' "$((${members:-0} * ${groups:-0}))"
  figure "$1" joined 'groups: saw their group made' "$((${members:-0} * ${groups:-0}))"
  figure "$1" sent 'groups: sent' some
  figure "$1" acked 'groups: acknowledged' "${sent:-0}"
  figure "$1" complete 'groups: at every member' "${sent:-0}"
  figure "$1" delivered 'groups: deliveries' "$((${sent:-0} * ${members:-0}))"
  figure "$1" receipts 'groups: ticks at authors' "${sent:-0}"
  figures "$1" none 'groups: ' <<'LINES'
lost lost
duplicated duplicated
out_of_order out of order
disagreements another order elsewhere
foreign foreign or changed
refused refused for good
gaps inbox numbers given up
false_receipts ticks before all have it
unanswered without an answer
receipts_missing at everybody, no tick
LINES
  figure "$1" connections_lost 'groups: connections lost' any
  figure "$1" repeated_sends 'groups: sends repeated' any
  figure "$1" late_sends 'groups: sent late by bench' any
  for leg in sent everybody tick; do longest "$1" "$leg" "groups: longest to $leg, ms"; done
  figure "$1" longest_open_ms 'groups: longest wait of all, ms' any
}

# judge_files: every reader gets her messages, follows what they tell of, and what comes has the hash that was put.
judge_files() {
  local number folder kept=0 sent=0 failed=0 untold=0 lost=0 changed=0 hash line got
  for ((number = 1; number <= FILER_COUNT; number++)); do
    folder=$HOME_DIR/files/$number
    touch -- "$folder/kept" "$folder/sent" "$folder/failed"
    failed=$((failed + $(wc -l <"$folder/failed")))
    for _ in 1 2 3; do
      if run_fantail inbox --as "reader-$number" >>"$folder/inbox" 2>>"$folder/refusals"; then break; fi
    done
    sent=$((sent + $(wc -l <"$folder/sent")))
    while read -r _ line; do grep -qF -- "$line" "$folder/inbox" || untold=$((untold + 1)); done <"$folder/sent"
    while read -r hash line; do
      kept=$((kept + 1))
      rm -f -- "$folder/back"
      for _ in 1 2 3; do
        if run_fantail media get --as "reader-$number" "$line" "$folder/back" 2>>"$folder/refusals"; then break; fi
        sleep 1
      done
      if [[ ! -e $folder/back ]]; then
        lost=$((lost + 1))
        continue
      fi
      read -r got _ < <(sha256sum <"$folder/back")
      [[ $got == "$hash" ]] || changed=$((changed + 1))
    done <"$folder/kept"
  done
  line "$((kept > 0))" 'files: put and kept' "$kept" 'must be more than 0'
  line "$((sent > 0))" 'files: told of in a message' "$sent" 'must be more than 0'
  line "$((untold == 0))" 'files: message lost' "$untold" 'must be 0'
  line "$((lost == 0))" 'files: lost' "$lost" 'must be 0'
  line "$((changed == 0))" 'files: changed' "$changed" 'must be 0'
  line 1 'files: puts that were given up' "$failed" ''
}

# has_report FILE SCENARIO: it is there, and of that scenario.
has_report() {
  if [[ ! -s $1 ]]; then
    line 0 "report of bench $2" 'missing' "$1"
    return 1
  fi
  [[ $(tr -d '\n ' <"$1") == *\"scenario\":\"$2\"* ]] && return
  line 0 "report of bench $2" 'of another' "$1"
  return 1
}

# figures FILE BOUND PREFIX: a line for each "KEY LABEL" of standard input.
figures() {
  local key label
  while read -r key label; do figure "$1" "$key" "$3$label" "$2"; done
}

# figure FILE KEY LABEL none|some|any|N: the first number under that key; a report without it is broken.
figure() {
  local value good=0 remark=''
  value=$(number "$1" "$2")
  case $4 in
    none) remark='must be 0' good=$((${value:-1} == 0)) ;;
    some) remark='must be more than 0' good=$((${value:-0} > 0)) ;;
    any) good=$((${#value} > 0)) ;;
    *) remark="must be $4" good=$((${value:-0} == $4 && $4 > 0)) ;;
  esac
  line "$good" "$3" "${value:-?}" "$remark"
}

# number FILE KEY: whole, without what stands behind the point; nothing when there is none.
number() {
  local text
  text=$(tr -d '\n ' <"$1")
  if [[ $text =~ \"$2\":(\{\"value\":)?([0-9]+)(\.[0-9]+)?[,}] ]]; then printf '%s' "${BASH_REMATCH[2]}"; fi
}

# longest FILE LEG LABEL: how long the unluckiest message waited for it. Told, not judged: it depends on the faults.
longest() {
  local text
  text=$(tr -d '\n ' <"$1")
  if [[ $text =~ \"$2\":\{[^{}]*\"max\":([0-9]+) ]]; then line 1 "$3" $((BASH_REMATCH[1] / 1000)) ''; fi
}

# damage: a copy of a partition with pages overwritten; persistence must say so, end, and leave the file as it is.
damage() {
  local node='' name file copy=$HOME_DIR/damaged before status=0 said
  "$ROOT/deploy/stop.sh" --home "$HOME_DIR" >>"$HOME_DIR/run.log"
  [[ -z $POSTGRES ]] || return 0
  for name in "${NODES[@]}"; do [[ ${ROLE[$name]} != persistence ]] || node=$name; done
  (umask 077 && mkdir -p -- "$copy/persistence")
  cp -r -- "$CLUSTER_FILE" "$HOME_DIR/secrets" "$copy"
  cp -- "$HOME_DIR/persistence/$node.db"* "$copy/persistence"
  file=$copy/persistence/$node.db
  # From the second page on, to the middle.
  tr '\0' '\245' </dev/zero | dd of="$file" bs=4096 seek=1 count=$(($(stat -c %s -- "$file") / 8192)) iflag=fullblock conv=notrunc 2>/dev/null || true
  before=$(cksum <"$file")
  timeout 60 ${FANTAIL_START:+"$FANTAIL_START" "$node"} "$BIN_DIR/persistence" --cluster "$copy/cluster.conf" --node "$node" --data "$copy" >"$copy/said" 2>&1 </dev/null || status=$?
  said=$(grep -m 1 'is damaged' -- "$copy/said" || true)
  line "$((status > 0 && status < 124 && ${#said} > 0))" 'damaged database' "$([[ -n $said ]] && printf refused || printf 'NOT REFUSED')" \
    "exit status $status: $(cut -c1-110 <<<"${said:-$(tail -n 1 -- "$copy/said")}")"
  line "$([[ $(cksum <"$file") == "$before" ]] && printf 1 || printf 0)" 'and left as it was' "$([[ $(cksum <"$file") == "$before" ]] && printf yes || printf no)" ''
}

# line GOOD LABEL VALUE REMARK: a line of the verdict; GOOD is 0 when it is broken.
line() {
  local mark='ok'
  if (($1 == 0)); then
    mark='BROKEN'
    BROKEN=$((BROKEN + 1))
  fi
  LINES+=("$(printf '%-34s %12s  %-6s  %s' "$2" "$3" "$mark" "$4")")
}

show_verdict() {
  say
  printf '%s\n' "${LINES[@]}"
  say
  if ((BROKEN == 0)); then
    say 'Verdict: clean.'
    return
  fi
  say "Verdict: $BROKEN of ${#LINES[@]} lines are broken.${SEED:+ The same faults again: deploy/torture.sh --seed $SEED --seconds $TORTURE_SECONDS}"
  return 1
}
