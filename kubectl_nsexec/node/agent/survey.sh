#!/bin/sh
# Sixth part of the agent, joined with the others by the package: one look at the containers of the node that the client
# names, from outside. Nothing is executed in them, and nothing is read that takes the lock of their memory: neither
# cmdline nor environ nor maps (proc(5)). stat and status take task_lock for a moment, which no program keeps, but a process
# that starves in the middle of its execve(2) on PREEMPT_RT does (docs/explanation/limits.md).
# Nothing is understood here: the client has the parsers. Two greps read a batch of processes; a loop of the shell would take a
# millisecond for each thread.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

BATCH=64 # processes in an event, so that its line stays far below what the client takes
BETWEEN=2 # seconds between two looks: who can run and has not run in a second starves

# $1: cgroup folder → $processes: those in it and below it, a comma before each
#   in: $processes; out: $processes
list_processes() {
  while read -r candidate; do
    ! counted "$candidate" || processes=$processes,$candidate
  done 2>/dev/null <"$1/cgroup.procs"
  for below in "$1"/*/; do
    [ ! -d "$below" ] || list_processes "${below%/}"
  done
}

# $1: container ID → $affinity: what the runtime's config.json says of execs (process.execCPUAffinity), base64
#   in: $processes; out: $affinity
find_affinity() {
  affinity='' first=${processes#,} parent=0
  look "$NSEXEC_PROC/${first%%,*}"
  find_spec "$1" "${parent:-0}"
  grep -qs execCPUAffinity "$spec" || return 0
  # That object alone: the rest of the file has the container's environment.
  affinity=$(tr -d '\n' <"$spec" | grep -oE '"execCPUAffinity":[[:space:]]*\{[^}]*\}' | head -n 1 | base64 -w0)
}

# $1: pod UID, $2: container ID → a line of it, and $all: the processes that are looked at
#   in: $base $above $slices $stray $all; out: $all
tell_container() {
  named "$1" && named "$2" || fail node "'$1' or '$2' is no name of a cgroup"
  processes='' affinity='' allowed='' quoted=null missing=''
  if find_pod "$1" && find_container "$2" || find_stray "$2"; then
    list_processes "$container"
    [ -n "$processes" ] || missing="no process is in its cgroup folder"
    kernel_list "$container/cpuset.cpus.effective" || kernel_list "$container/cpuset.effective_cpus" ||
      kernel_list "$container/cpuset.cpus" || missing="its cgroup folder says no CPUs"
    allowed=$list
    # CRI-O's for execs, since 1.34.4: in crun's own folder where there is one (execCgroupManager in its cgmgr).
    quoted "$container/container/exec/cpuset.cpus"
    [ "$quoted" != null ] || quoted "$container/exec/cpuset.cpus"
    [ -n "$missing" ] || find_affinity "$2"
  else
    missing="it has no cgroup folder"
  fi
  [ -n "$missing" ] || all=$all$processes
  say "\"event\":\"container\",\"id\":\"$2\",\"missing\":\"$missing\",\"cpus\":\"$allowed\",\"exec_folder\":$quoted,\
\"affinity\":\"$affinity\",\"processes\":[${processes#,}]"
}

# $1: which look it is, and processes → a line with the kernel's words about all of their threads
tell_threads() {
  number=$1 stats='' masks=''
  shift
  for process; do
    stats="$stats $process/task/[0-9]*/stat $process/task/[0-9]*/schedstat"
    masks="$masks $process/task/[0-9]*/status"
  done
  # Each line has its file before it, so that no thread's name, which may hold a newline, makes lines of its own.
  # shellcheck disable=SC2086 # patterns
  stats=$(cd "$NSEXEC_PROC" && grep -sH '' $stats | base64 -w0)
  # shellcheck disable=SC2086 # as above
  masks=$(cd "$NSEXEC_PROC" && grep -sH '^Cpus_allowed_list:' $masks | base64 -w0)
  clock=0
  read -r clock _ 2>/dev/null <"$NSEXEC_PROC/uptime"
  say "\"event\":\"threads\",\"look\":$number,\"uptime\":\"$clock\",\"stat\":\"$stats\",\"status\":\"$masks\""
}

# $1: which look it is
#   in: $all
look_at_threads() {
  number=$1 left=${all#,},
  while [ -n "${left#,}" ]; do
    set --
    while [ $# -lt "$BATCH" ] && [ -n "${left#,}" ]; do
      set -- "$@" "${left%%,*}"
      left=${left#*,}
    done
    tell_threads "$number" "$@"
  done
}

# → $stalld: whether stalld runs, which lets starving threads run over real-time ones
#   out: $stalld
find_stalld() {
  stalld=false
  for procs in "$NSEXEC_CGROUP"/system.slice/stalld.service/cgroup.procs \
    "$NSEXEC_CGROUP"/systemd/system.slice/stalld.service/cgroup.procs; do
    ! read -r _ 2>/dev/null <"$procs" || stalld=true
  done
}

# in the helper container, which stands on the reserved CPUs
#   status: never returns
survey() {
  reserved=$1 all='' release='' rt_runtime=''
  cut_to_online
  find_hierarchy
  own_mask
  within "$mask" "$cut" || fail placement "asked for CPUs $cut, the helper container has '$mask'"
  find_kubelet_state
  find_stalld
  [ ! -r "$NSEXEC_RUN/sources" ] || sources=$(cat "$NSEXEC_RUN/sources")
  [ -n "$sources" ] || gather
  read -r release 2>/dev/null <"$NSEXEC_PROC/sys/kernel/osrelease"
  # Not by read, which takes a byte at a time: the kernel gives a number of sysctl's at once or ends it (proc_dointvec).
  rt_runtime=$(cat "$NSEXEC_PROC/sys/kernel/sched_rt_runtime_us" 2>/dev/null)
  say "\"event\":\"survey\",\"mask\":\"$mask\",\"online\":\"$online\",\"cgroup\":\"$version\",\
\"release\":\"$(printf %s "$release" | harmless)\",\"rt_runtime\":\"$(printf %s "$rt_runtime" | harmless)\",\
\"stalld\":$stalld,\"cpu_manager_state\":\"$(base64 -w0 2>/dev/null <"$kubelet_state")\",$sources"
  while read -r word uid container_id; do
    [ "$word" != end ] || break
    [ "$word" = of ] || exit 125
    tell_container "$uid" "$container_id"
  done
  [ "$word" = end ] || exit 125
  look_at_threads 1
  if [ -n "$all" ]; then
    sleep "$BETWEEN"
    look_at_threads 2
  fi
  say "\"event\":\"surveyed\""
  exit 0
}
