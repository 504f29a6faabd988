#!/bin/sh
# Second part of the agent, joined with the others by the package: the container, its processes, and whose files tell of it.
# Whatever a process says of itself (its name, its command line) is the container's word: data, never code or a pattern.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

newline='
'
SHOWN=20 # processes in a list

# $1: container ID → $container: its cgroup folder, $within: the end of its path; exact names only, for
# conmon's carries the ID too
#   in: $pod; out: $container $within; status: false when there is none
find_container() {
  for name in "crio-$1.scope" "cri-containerd-$1.scope" "docker-$1.scope" "$1" "crio-$1"; do
    container=$pod/$name within=/${pod##*/}/$name/
    [ ! -d "$container" ] || return 0
  done
  return 1
}

# $1: container ID, after find_pod → the same, where the kubelet's driver is systemd's and the runtime's is not
#   in: $base $slices $stray $escaped; out: $container $within; status: false when there is none
find_stray() {
  # Beside our own, or, where that says nothing, below the cgroup of any service: a container's own folders lie deeper.
  set -- "$1" "$base"/ "$base"/*/ "$base"/*/*/
  [ -z "$stray" ] || set -- "$1" "${stray%/*}/"
  stray_id=$1
  shift
  for place in "$@"; do
    case ${place#"$base"} in *kubepods*) continue ;; esac
    for qos in '' -burstable -besteffort; do
      for prefix in cri-containerd crio docker; do
        name=${slices}kubepods$qos-pod$escaped.slice:$prefix:$stray_id
        container=$place$name within=/$name/
        [ ! -d "$container" ] || return 0
      done
    done
  done
  return 1
}

# $1: PID → $started, clock ticks since boot (proc(5), stat field 22); its name may hold blanks and newlines
#   out: $started; status: false when it is gone
age() {
  stat=''
  while read -r line || [ -n "$line" ]; do stat="$stat $line"; done 2>/dev/null <"$NSEXEC_PROC/$1/stat"
  # shellcheck disable=SC2086 # the fields are what is wanted
  set -- ${stat##*)}
  started=${20:-}
  [ -n "$started" ]
}

# $1: HOST_PID_WANTED → $pid: the container's first process, $init_cgroup: its cgroup, or -
#   in: $container; out: $pid $init_cgroup; status: false when there is none
find_init() {
  pid='' oldest='' init_cgroup=-
  for procs in "$container"/cgroup.procs "$container"/*/cgroup.procs "$container"/*/*/cgroup.procs \
    "$container"/*/*/*/cgroup.procs; do
    [ -r "$procs" ] || continue
    while read -r candidate; do
      look "$NSEXEC_PROC/$candidate" || continue
      case $state in Z | X) continue ;; esac
      if [ "$1" = 1 ]; then
        age "$candidate" || continue
        [ -z "$oldest" ] || [ "$started" -lt "$oldest" ] || continue
        oldest=$started pid=$candidate init_cgroup=${procs%/*}
      else
        # Two numbers, ours and 1: three would be the first process of a container inside the container.
        case $pids in *[!0-9]*[!0-9]*) ;; *[!0-9]1) pid=$candidate init_cgroup=${procs%/*} && return 0 ;; esac
      fi
    done <"$procs"
  done
  [ -n "$pid" ]
}

# in the target's /proc folder → what look says of it
#   in: $within; out: $state $parent $uid $pids $rights $mask; status: true when it lives, in the container's cgroup
still_there() {
  look . || return 1
  case $state in Z | X) return 1 ;; esac
  while read -r line; do
    case $line/ in *"$within"*) return 0 ;; esac
  done 2>/dev/null <cgroup
  return 1
}

# --- a process by its name or number ---

# → $inner: the number in the container's PID namespace
#   in: $pids $depth; out: $inner; status: false where it has none there
inner_number() {
  # shellcheck disable=SC2086 # the numbers are what is wanted
  set -- $pids
  [ $# -ge "$depth" ] || return 1
  shift $((depth - 1))
  inner=$1
}

# $1: folder of a process → $comm, which may hold newlines
#   out: $comm
comm_of() {
  comm=''
  while IFS= read -r line || [ -n "$line" ]; do comm=$comm$line$newline; done 2>/dev/null <"$1/comm"
  comm=${comm%"$newline"}
}

# $1: folder of a process, $2: name
#   status: true when that is its comm, or the last part of the path in its argv[0]
called() {
  comm_of "$1"
  [ "$comm" != "$2" ] || return 0
  argv0=$(head -c 4096 "$1/cmdline" 2>/dev/null | tr '\n\0' '\001\n')
  argv0=${argv0%%"$newline"*}
  [ "${argv0##*/}" = "$2" ]
}

# $1: folder of a process; $wanted is pid:NUMBER, name:NAME or any → $inner
#   in: $wanted $depth; out: $inner; status: true when it is meant
meant() {
  case $wanted in name:*) called "$1" "${wanted#name:}" || return 1 ;; esac
  look "$1" && inner_number || return 1
  case $state in Z | X) return 1 ;; esac
  case $wanted in pid:*) [ "$inner" = "${wanted#pid:}" ] ;; esac
}

# $1: folder of a process → a line more in $rows: its number inside, comm, the start of its command line
#   in: $inner $rows; out: $rows
describe() {
  comm_of "$1"
  row=$(printf '%s  %s  %.60s' "$inner" "$comm" "$(head -c 240 "$1/cmdline" 2>/dev/null | tr '\0' ' ')" | harmless)
  rows="$rows\\n  $row"
}

# $1: cgroup folder → $pid $count $rows: the processes in it and below it that are meant, more of them
#   in: $wanted $depth $pid $count $rows; out: $pid $count $rows
search() {
  if [ -r "$1/cgroup.procs" ]; then
    while read -r candidate; do
      [ "$candidate" != "$pid" ] && meant "$NSEXEC_PROC/$candidate" || continue
      pid=$candidate count=$((count + 1))
      [ "$count" -gt "$SHOWN" ] || describe "$NSEXEC_PROC/$candidate"
    done 2>/dev/null <"$1/cgroup.procs"
  fi
  for below in "$1"/*/; do
    [ ! -d "$below" ] || search "${below%/}"
  done
}

# $1: pid:NUMBER or name:NAME → $pid, $wanted: what is left to ask of it by meant
#   in: $container $depth; out: $pid $wanted; status: fails, with a list, unless it means exactly one process
find_process() {
  wanted=$1 pid='' count=0 rows=''
  search "$container"
  [ "$count" -ne 1 ] || return 0
  case $wanted in pid:*) what="has the number ${1#*:}" ;; *) what="is called '${1#*:}'" ;; esac
  if [ "$count" -gt 0 ]; then
    why="more than one process of the container $what"
  else
    why="no process of the container $what"
    wanted=any pid=''
    search "$container"
  fi
  [ "$count" -le "$SHOWN" ] || rows="$rows\\n  and $((count - SHOWN)) more"
  fail process "$why" "$rows"
}

# --- files of the runtime and the kubelet ---

# → $kubelet_state: the CPU manager's checkpoint, wherever this kubelet keeps its files
#   out: $kubelet_state
find_kubelet_state() {
  kubelet_state=$NSEXEC_HOST/var/lib/kubelet/cpu_manager_state
  [ ! -e "$kubelet_state" ] || return 0
  # Field 5 is the mount point (proc(5)): a volume of ours under the kubelet's root, as the node sees it.
  while read -r _ _ _ _ point _; do
    case $point in "$NSEXEC_HOST"/*"/pods/$NSEXEC_POD_UID/volumes/"*) kubelet_state=${point%%/pods/*}/cpu_manager_state ;; esac
  done <<EOT
$(grep -F "/pods/$NSEXEC_POD_UID/volumes/" "$NSEXEC_PROC/self/mountinfo" 2>/dev/null)
EOT
  [ ! -e "$kubelet_state" ] || return 0
  [ -z "${NSEXEC_POD_CGROUP:-}" ] || find_kubelet_by_target
}

# $1: container ID, $2: parent of its first process → $spec: the runtime's config.json
#   out: $spec
find_spec() {
  beside=$(readlink "$NSEXEC_PROC/$2/cwd" 2>/dev/null)
  case $beside in /*) beside=$NSEXEC_HOST$beside ;; *) beside=$NSEXEC_HOST/nonexistent ;; esac
  # The working directory of containerd's shim is the container's bundle, or that of another container of the pod.
  case $beside/ in *"/$1/"*) ;; *) beside=$beside/../$1 ;; esac
  for spec in "$NSEXEC_HOST/run/containerd/io.containerd.runtime.v2.task/k8s.io/$1/config.json" \
    "$NSEXEC_HOST/run/containers/storage/overlay-containers/$1/userdata/config.json" \
    "$NSEXEC_HOST/var/lib/containers/storage/overlay-containers/$1/userdata/config.json" "$beside/config.json"; do
    [ ! -r "$spec" ] || return 0
  done
}

# $1: container ID → $crun: whether it is crun's, which has a file "status" where runc has "state.json";
# $crun_filter: what crun compiled for its execs, a name of nothing elsewhere
#   out: $crun $crun_filter
find_crun() {
  crun=false
  for crun_filter in "$NSEXEC_HOST/run/crun/$1/seccomp.bpf" "$NSEXEC_HOST/run/containerd/runc/k8s.io/$1/seccomp.bpf"; do
    [ ! -e "${crun_filter%/*}/status" ] || crun=true
    [ ! -r "$crun_filter" ] || return 0
  done
}

# in the target's /proc folder → $label: what AppArmor, or whichever security module has that file, calls the process
#   out: $label, base64
find_label() {
  label=$(base64 -w0 2>/dev/null <attr/apparmor/current)
  [ -n "$label" ] || label=$(base64 -w0 2>/dev/null <attr/current)
}

# in the target's /proc folder → $devices_list: what its container may, on v1; empty or a name of nothing elsewhere
#   in: $version $base $container $within; out: $devices_list
find_devices_list() {
  devices_list=''
  [ "$version" = v1 ] || return 0
  devices_list=$NSEXEC_CGROUP/devices${container#"$base"}/devices.list
  [ ! -e "$devices_list" ] || return 0
  # A stray container has the same name in each hierarchy, but not the same place.
  while IFS=: read -r _ controllers path; do
    case ,$controllers,$path/ in
    *,devices,*/../*) ;;
    *,devices,*"$within") devices_list=$NSEXEC_CGROUP/devices$path/devices.list ;;
    esac
  done 2>/dev/null <cgroup
}

# → $nsenter, by its path: a standalone BusyBox shell would take its own, which knows no cgroup namespace
#   out: $nsenter; status: false when there is none
find_nsenter() {
  places=$PATH:
  while [ -n "$places" ]; do
    nsenter=${places%%:*}/nsenter places=${places#*:}
    [ ! -x "$nsenter" ] || return 0
  done
  return 1
}
