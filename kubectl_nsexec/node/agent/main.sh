#!/bin/sh
# What nsexec runs on the node, as root, in the helper container or (alone) on the node itself, in POSIX sh: dash, bash
# and BusyBox ash.
#
#   hold NONCE RESERVED PATIENCE                 the helper's main process: narrows its own container to the
#                                                reserved CPUs, waits for "hold" on stdin, holds the lease;
#                                                RESERVED "ask": tells what the node says, and is told the CPUs;
#                                                PATIENCE: how long (s) it waits for a client that may have been killed
#     [IDLE LIFE]                                of a shared helper pod: how long (s) it waits for the next session, and
#                                                how long one of its sessions may last
#   enter NONCE RESERVED ID POD_UID CONTAINER_ID HOST_PID_WANTED PROCESS FILES [again]
#                                                one session: pins itself, finds the target, hands over to nsenter;
#                                                "again": looks anew at what the main process saw when it began
#   survey NONCE RESERVED                        one look at the node's containers that stdin names, from outside
#   alone NONCE RESERVED SHIM_BYTES SHIM_SHA256 ID POD_UID CONTAINER_ID HOST_PID_WANTED PROCESS FILES
#                                                both at once, where there is no helper pod
#     PROCESS: first, pid:NUMBER or name:NAME; FILES: whose files the command sees, container or node
#
# It speaks in lines "NONCE {json}" on stdout. Whatever goes wrong before the command starts ends in
# {"event":"error"} and exit status 125.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

# $1, $2: files
#   status: true when they are one
# shellcheck disable=SC3013 # -ef: POSIX since 2024, and in every shell named above
same() { [ "$1" -ef "$2" ]; }

# in the target's /proc folder
#   in: $pid; status: fails when the process is not in a container
check_namespaces() {
  [ -e ns/mnt ] && [ -e root/. ] && [ -e "$NSEXEC_HOST/." ] && [ -e "$NSEXEC_PROC/self/ns/mnt" ] ||
    fail node "cannot compare the namespaces and root of process $pid with the node's"
  # The root tells also where PID 1 cannot be read, or where the kubelet has a mount namespace of its own (kubens).
  same root/. "$NSEXEC_HOST/." || same ns/mnt "$NSEXEC_PROC/1/ns/mnt" &&
    fail host-namespace "process $pid sees the node's own file systems, not a container's"
  ! same ns/mnt "$NSEXEC_PROC/self/ns/mnt" || fail host-namespace "process $pid is in the helper's mount namespace"
}

# $1: CPUs → $met: those of them that its checkpoint gives to a container or pod for itself
#   in: $kubelet_state; out: $met; status: true when there are some
owned_by_kubelet() {
  # shellcheck disable=SC2013 # words are lines: CPU lists have no blanks
  for given in $(sed 's/"defaultCpuSet":"[^"]*"//' "$kubelet_state" | grep -oE ':"[0-9][0-9,-]*"'); do
    given=${given#:\"}
    meet "$1" "${given%\"}" && [ -z "$met" ] || return 0
  done
  return 1
}

# $1: the target's CPUs, $2: ours
#   in: $kubelet_state $reserved; status: fails unless what both share is nobody's own
check_cpus() {
  meet "$1" "$2" || fail node "the CPU masks '$1' and '$2' cannot be compared"
  [ -n "$met" ] && [ -e "$kubelet_state" ] || return 0
  both=$met
  grep -q '"policyName":"none"' "$kubelet_state" && return 0 # see check_claim
  default=$(sed -n 's/.*"defaultCpuSet":"\([0-9,-]*\)".*/=\1/p' "$kubelet_state")
  within "$both" "${default#=}" && return 0
  # A pool without any of them is strict (strict-cpu-reservation): who stands on the reserved CPUs owns none.
  [ -n "$default" ] && meet "$reserved" "${default#=}" && [ -z "$met" ] && within "$1" "$reserved" &&
    ! owned_by_kubelet "$both" && return 0
  fail overlap "CPUs $both belong to both the target ($1) and the reserved CPUs ($2)"
}

# $1: CPUs of ours, the last ones; whoever gives CPUs away where the kubelet does not writes the container's folder
#   in: $container $kubelet_state; status: fails when they are the container's own
check_claim() {
  kernel_list "$container/cpuset.cpus" && meet "$list" "$1" && [ -n "$met" ] || return 0
  both=$met
  # What has all of ours in it is a pool, or the reserved CPUs.
  within "$1" "$list" || grep -qs '"policyName":"static"' "$kubelet_state" ||
    fail overlap "CPUs $both belong to both the target (its cgroup is allowed $list) and us ($1)"
}

# → $pinned, $own_rights: our own CPUs, which have to be of $cut
#   in: $cut $folder; out: $pinned $own_rights; status: fails
stand() {
  own_mask
  pinned=$mask own_rights=$rights
  within "$pinned" "$cut" || fail placement "asked for CPUs $cut, got '$pinned' in $folder"
}

# the event "target"
#   in: $crun $crun_filter $devices_list $entry_mask $environ $inner $kubelet_state $label $limits $online $own_rights
#   $pid $pinned $root $sources $spec $status $target_mask $version
tell_target() {
  filter='' listed=''
  [ ! -r "$crun_filter" ] || filter=$(base64 -w0 <"$crun_filter")
  [ ! -r "$devices_list" ] || listed=$(base64 -w0 <"$devices_list")
  # base64 in each of these parentheses is all that is in them: then the shell starts one process for it, not two.
  say "\"event\":\"target\",\"pid\":$pid,\"inner\":$inner,\"entry_mask\":\"$entry_mask\",\"mask\":\"$pinned\",\
\"target_mask\":\"$target_mask\",\"online\":\"$online\",\"capabilities\":\"$own_rights\",\
\"pin\":\"folder\",\"cgroup\":\"$version\",\"status\":\"$status\",\"environ\":\"$environ\",\"limits\":\"$limits\",\
\"spec\":\"$(base64 -w0 2>/dev/null <"$spec")\",\"crun\":$crun,\"crun_filter\":\"$filter\",\"label\":\"$label\",\
\"devices_list\":\"$listed\",\
\"cwd\":\"$(readlink -n cwd | base64 -w0)\",\"root\":\"$root\",\
\"cpu_manager_state\":\"$(base64 -w0 2>/dev/null <"$kubelet_state")\",$sources"
}

#   status: never returns
enter() {
  reserved=$1 id=$2 pod_uid=$3 container_id=$4 host_pid=$5 process=$6 files=- root='' again=${8:-${NSEXEC_SESSION:-}}
  case $7 in container) ;; node) files=${NSEXEC_HOST:-/} ;; *) fail node "'$7' has no files" ;; esac
  case $process in first | name:?*) ;; pid:*) counted "${process#pid:}" ;; *) false ;; esac ||
    fail node "'$process' is no process"
  own_mask
  entry_mask=${NSEXEC_ENTRY_MASK:-$mask}
  case $id in ????? | ??????*) named "$id" ;; *) false ;; esac || fail node "'$id' is no session name"
  named "$pod_uid" && named "$container_id" || fail node "'$pod_uid' or '$container_id' is no name of a cgroup"
  find_own_pod
  # As of a best-effort pod: it is charged to no pod here, and goes first when memory runs out.
  [ -z "${NSEXEC_POD_CGROUP:-}" ] || put 1000 "$NSEXEC_PROC/self/oom_score_adj"
  make_folder "$id"
  put "$$" "$folder/cgroup.procs" || fail placement "cannot move into $folder"
  make_devices_folder "$id"
  stand

  if ! find_pod "$pod_uid"; then
    find_stray "$container_id" || fail no-target "no cgroup folder of pod $pod_uid below $base$above"
  elif ! find_container "$container_id"; then
    find_stray "$container_id" || fail no-target "no cgroup folder of container $container_id in $pod"
  fi
  find_init "$host_pid" || fail no-target "no live first process of container $container_id in $container"
  cd "$NSEXEC_PROC/$pid" 2>/dev/null && still_there || fail no-target "the container's process $pid has just ended"
  target_mask=$mask init=$pid
  check_namespaces
  find_kubelet_state
  check_cpus "$target_mask" "$pinned"
  find_spec "$container_id" "$parent"
  find_crun "$container_id"
  find_label
  find_devices_list
  # What the spec leaves open an exec gets from the runtime, as the first process did: its parent's limits, not its own.
  status=$(base64 -w0 2>/dev/null <status) environ='' limits=$(base64 -w0 2>/dev/null <"$NSEXEC_PROC/$parent/limits")
  # Its environment is memory of its own: to read it may wait for its lock, and be as much as it likes.
  [ -r "$spec" ] || environ=$(head -c 4194304 environ 2>/dev/null | base64 -w0)
  if [ "$process" != first ]; then
    # shellcheck disable=SC2086 # so many PID namespaces deep is the container's
    set -- $pids
    depth=$#
    find_process "$process"
    cd "$NSEXEC_PROC/$pid" 2>/dev/null && meant . && still_there || fail no-target "process $pid has just ended"
    check_namespaces
    # Its ids and rights would not be the container's. With the node's files nobody joins it.
    [ "$files" != - ] || same ns/user "$NSEXEC_PROC/$init/ns/user" ||
      fail user-namespace "process $inner has another user namespace than the container"
    root=$(readlink -n root | base64 -w0)
  fi
  inner=${pids##*[!0-9]} # now: whoever gathers looks at other processes
  # What a shared helper pod saw when it began may be true no more, nor what one for many targets saw.
  if [ -n "$again" ] || [ ! -r "$NSEXEC_RUN/sources" ]; then gather; else sources=$(cat "$NSEXEC_RUN/sources"); fi
  find_nsenter || fail node "there is no nsenter on this node (PATH $PATH)"
  set -- -F
  for kind in ipc uts net cgroup; do # the shim joins pid and mnt, and last of all user
    [ ! -e "ns/$kind" ] || same "ns/$kind" "$NSEXEC_PROC/self/ns/$kind" || set -- "$@" "--$kind=ns/$kind"
  done
  tell_target

  # read takes a byte at a time from a pipe: what follows the line is left for the shim.
  read -r word bytes || exit 125
  if [ "$word" = narrow ]; then
    within "$bytes" "$cut" && cut=$met || fail placement "CPUs '$bytes' are not a part of $cut"
    put "$cut" "$folder/cpuset.cpus" || fail placement "the kernel refuses CPUs $cut in $folder"
    stand
    check_cpus "$target_mask" "$pinned"
    tell_target
    read -r word bytes || exit 125
  fi
  if [ "$word" = threads ]; then
    all=''
    tell_container "$pod_uid" "$container_id"
    look_at_threads 1
    say "\"event\":\"surveyed\""
    read -r word bytes || exit 125
  fi
  [ "$word" = go ] && counted "$bytes" || exit 125
  still_there && { [ "$pid" = "$init" ] || (cd "$NSEXEC_PROC/$init" && still_there) 2>/dev/null; } ||
    fail no-target "the container's process $pid ended while the command was being prepared"
  own_mask
  [ "$mask" = "$pinned" ] || fail placement "the pin moved from CPUs $pinned to $mask before the command started"
  check_claim "$pinned"
  kill_file=$folder/cgroup.kill
  [ -e "$kill_file" ] || kill_file=-
  exec "$nsenter" "$@" -- "$NSEXEC_SHIM" enter "$nonce" "$cut" "$bytes" "$NSEXEC_RUN/lease" "$kill_file" \
    "$init" "$files" "$devices" "$init_cgroup"
}

agent=${NSEXEC_AGENT:-}
unset NSEXEC_AGENT
part=${1:-} nonce=${2:-}
named "$nonce" || part=''
case $part,$# in
hold,4) counted "$4" && shift 2 && hold "$@" ;;
hold,6) counted "$4" && counted "$6" && shift 2 && hold "$@" ;;
enter,9) shift 2 && enter "$@" ;;
enter,10) [ "${10}" = again ] && shift 2 && enter "$@" ;;
survey,3) shift 2 && survey "$@" ;;
alone,11) shift 2 && alone "$@" ;;
prepare,11) counted "$4" && named "$5" && named "$6" && shift 2 && prepare "$@" ;;
esac
echo "nsexec-agent: not how it is called: $*" >&2
exit 125
