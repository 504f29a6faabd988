#!/bin/sh
# Third part of the agent, joined with the others by the package: what the node says about its CPUs, sent up as it is: its
# own files, the kernel's word, and the CPUs that cgroup folders of containers are allowed.
# Nothing is understood here: the client has the parsers. A file without a word about CPUs stays on the node.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

FILE_BYTES=65536 # of one file; the client refuses a longer one, and is sent a byte more to see that it is
SENT_FILES=32

# $1: root, $2: path below it → $path without links; an absolute one is below that root, not below ours
#   out: $path
follow() {
  path=$1$2 hops=0
  while [ -L "$path" ] && [ "$hops" -lt 8 ]; do
    target=$(readlink "$path") hops=$((hops + 1))
    case $target in /*) path=$1$target ;; *) path=${path%/*}/$target ;; esac
  done
}

# $1: whose file, $2: root, $3: path below it, $4: what it mentions when it matters → one more in $sources
#   in: $sent $sources; out: $sent $sources
send() {
  [ -e "$2$3" ] || [ -L "$2$3" ] || return 0
  follow "$2" "$3"
  [ ! -d "$path" ] && [ "$sent" -le "$SENT_FILES" ] || return 0
  data=null # there, and unreadable: whoever reads it on the node may know what it says, we do not
  if [ -f "$path" ] && [ "$sent" -lt "$SENT_FILES" ]; then
    grep -qiE "$4" "$path" 2>/dev/null
    case $? in
    0) data="\"$(head -c $((FILE_BYTES + 1)) "$path" | base64 -w0)\"" ;;
    1) return 0 ;;
    esac
  fi
  sent=$((sent + 1)) shown=$3
  case $3 in *[!A-Za-z0-9._/-]*) shown=$(printf %s "$3" | harmless) ;; esac
  sources="$sources${sources:+,}{\"of\":\"$1\",\"path\":\"$shown\",\"data\":$data}"
}

# $1: folder of a process
#   status: never true of one in a pod that only calls itself so, nor of one that has ended
is_kubelet() {
  comm_of "$1"
  [ "$comm" = kubelet ] && look "$1" && [ "$uid" = 0 ] || return 1
  case $state in Z | X) return 1 ;; esac # its parent does not wait for it: the one before a restart
  grep -qsE 'kubepods|/pod[0-9a-f]' "$1/cgroup"
  [ $? -eq 1 ]
}

# → $kubelet: the PID of the node's kubelet
#   out: $kubelet; status: false where there is none, or more than one
find_kubelet() {
  kubelet=''
  for procs in "$NSEXEC_CGROUP"/system.slice/kubelet.service/cgroup.procs \
    "$NSEXEC_CGROUP"/systemd/system.slice/kubelet.service/cgroup.procs; do
    while read -r candidate; do
      ! is_kubelet "$NSEXEC_PROC/$candidate" || kubelet=$candidate
    done 2>/dev/null <"$procs"
    [ -z "$kubelet" ] || return 0
  done
  # shellcheck disable=SC2013 # words are lines: numbers below a root without blanks
  for named_so in $(grep -lxs kubelet "$NSEXEC_PROC"/[0-9]*/comm); do
    candidate=${named_so%/comm}
    is_kubelet "$candidate" || continue
    [ -z "$kubelet" ] || return 1
    kubelet=${candidate##*/}
  done
  [ -n "$kubelet" ]
}

# → $flags, and $sources: by the flags of the running kubelet, else wherever kubelets have their files
#   in: $sent $sources; out: $flags $sent $sources
send_kubelet() {
  flags=''
  if ! find_kubelet; then
    for config in /etc/kubernetes/kubelet.conf /var/lib/microshift/resources/kubelet/config/config.yaml \
      /var/lib/kubelet/config.yaml; do
      send kubelet "$NSEXEC_HOST" "$config" KubeletConfiguration
    done
    return
  fi
  seen=$NSEXEC_PROC/$kubelet/root # the root that it sees: some run in a container of their own
  flags=$(base64 -w0 2>/dev/null <"$NSEXEC_PROC/$kubelet/cmdline")
  config='' drop_ins='' wanted=''
  while IFS= read -r word; do
    case $wanted in config) config=$word ;; drop_ins) drop_ins=$word ;; esac
    wanted=''
    case $word in
    --config=*) config=${word#*=} ;;
    --config-dir=*) drop_ins=${word#*=} ;;
    --config) wanted=config ;;
    --config-dir) wanted=drop_ins ;;
    esac
  done <<EOT
$(tr '\0' '\n' 2>/dev/null <"$NSEXEC_PROC/$kubelet/cmdline")
EOT
  case $config in /*) send kubelet "$seen" "$config" KubeletConfiguration ;; esac
  case $drop_ins in /*) ;; *) return ;; esac
  for config in "$seen$drop_ins"/*.conf; do
    send kubelet "$seen" "${config#"$seen"}" KubeletConfiguration
  done
}

# --- who owns which CPU ---

# $1: CPU list, $2: the cgroup folder that is allowed only these → one more in $claims; each list once
#   in: $claims $base $top; out: $claims
claim() {
  case $1 in *[!0-9,-]*) return 0 ;; esac # the first half of a name with a newline in it
  case $claims in *"\"cpus\":\"$1\""*) return 0 ;; esac
  ! is_helpers "$2" || return 0
  shown=${2#"$base"}
  case $shown in *[!A-Za-z0-9._:/-]*) shown=$(printf %s "$shown" | harmless) ;; esac
  claims="$claims${claims:+,}{\"cpus\":\"$1\",\"path\":\"$shown\"}"
}

# $1: cgroup folder
#   in: $top; status: true of a helper of ours, which stands where nobody else does
is_helpers() {
  case $1 in
  *.slice:*:*) # a stray: its pod's folder is the kubelet's
    below=${1##*/}
    set -- "$top/${below%%:*}" "$top"/*/"${below%%:*}"
    [ -d "$1" ] || shift
    set -- "$1/"
    ;;
  "$top"/*) ;;
  *) return 1 ;;
  esac
  below=${1#"$top"/} pod_of_it=$top/${below%%/*}
  # Else that is the folder of a QoS class, and the pod's is in it.
  case ${below%%/*} in *-pod*.slice | pod*) ;; *) below=${below#*/} pod_of_it=$pod_of_it/${below%%/*} ;; esac
  [ "$pod_of_it" != "$own_pod" ] || return 0
  for below in "$pod_of_it"/nsexec-*/; do
    [ ! -d "$below" ] || return 0
  done
  return 1
}

# → $claims: containers' folders, of every pod and of none, that are allowed some of the CPUs only
#   in: $base $above $slices $stray $all_online; out: $claims
find_claims() {
  claims='' where=$base$above
  # What precedes the name of a stray container is the runtime's: the kubelet's folders are somewhere above it.
  while [ -n "$stray" ] && [ "$where" != "$base" ] && [ ! -d "$where/${slices}kubepods.slice" ]; do where=${where%/*}; done
  for top in "$where/${slices}kubepods.slice" "$where/kubepods"; do
    [ -d "$top" ] || continue
    undivided='' pods='pod*'
    read -r undivided 2>/dev/null <"$top/cpuset.cpus"
    case $top in *.slice) pods='*-pod*.slice' ;; esac
    # One program for all of them: there may be many, and a loop of the shell takes longer. The last line is of runtimes
    # with cgroupfs under a kubelet with systemd, and of containers that are no pod's.
    # shellcheck disable=SC2086 # a pattern
    found=$(grep -sHvxF -e '' -e "$all_online" -e "$undivided" -- \
      "$top"/$pods/cpuset.cpus "$top"/$pods/*/cpuset.cpus "$top"/$pods/*/container/cpuset.cpus \
      "$top"/*/$pods/cpuset.cpus "$top"/*/$pods/*/cpuset.cpus "$top"/*/$pods/*/container/cpuset.cpus \
      "$base"/*kubepods*.slice:*:*/cpuset.cpus "$base"/*/*kubepods*.slice:*:*/cpuset.cpus \
      "$base"/*/*/*kubepods*.slice:*:*/cpuset.cpus ${stray:+"${stray%/*}"/*kubepods*.slice:*:*/cpuset.cpus} \
      "$base"/docker/*/cpuset.cpus "$base"/system.slice/docker-*.scope/cpuset.cpus "$base"/machine.slice/*/cpuset.cpus)
    blanks=$IFS IFS=$newline
    set -f
    # shellcheck disable=SC2086 # lines are wanted
    set -- $found
    set +f
    IFS=$blanks
    for line; do
      claim "${line##*:}" "${line%/cpuset.cpus:*}"
    done
  done
}

# → $cores: the CPUs of each core that has more than one (simultaneous multithreading)
#   in: $all_online; out: $cores
find_cores() {
  cores='' smt=''
  read -r smt 2>/dev/null <"$NSEXEC_HOST/sys/devices/system/cpu/smt/active"
  [ "$smt" != 0 ] && expand "$all_online" || return 0
  for cpu in $cpus; do
    threads=''
    read -r threads 2>/dev/null <"$NSEXEC_HOST/sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list"
    case $threads in *[,-]*) ;; *) continue ;; esac
    case $cores in *"\"$threads\""*) ;; *) cores="$cores${cores:+,}\"$threads\"" ;; esac
  done
}

# $1: kernel file → $quoted, as JSON has it; null where there is none
#   out: $quoted
quoted() {
  quoted=null
  ! kernel_list "$1" || quoted="\"$list\""
}

# → $own_pod: our pod's folder, $pool: the cpuset of a container that was promised nothing, ours, while it is that
#   out: $own_pod $pool $version $base $own $own_devices $stray $above $slices
find_pool() {
  own_pod='' pool=''
  find_hierarchy
  find_pod "${NSEXEC_POD_UID:-}" || return 0
  own_pod=$pod
  for below in "$pod"/*/ "$pod"/*/container/ ${stray:+"$stray"*/}; do
    first=''
    read -r first 2>/dev/null <"${below}cgroup.procs"
    case $base$own/,$first in "$below",* | *,"$$") ;; *) continue ;; esac
    ! kernel_list "${below%container/}cpuset.cpus" || pool=$list
  done
}

# → $owners: fields of an event, $all_online: the node's CPUs
#   out: $owners $all_online
find_owners() {
  [ -n "$base" ] || find_hierarchy
  all_online=''
  read -r all_online 2>/dev/null <"$NSEXEC_HOST/sys/devices/system/cpu/online"
  find_claims
  find_cores
  owners="\"claims\":[$claims],\"cores\":[$cores],\"pool\":\"$pool\""
  quoted "$NSEXEC_HOST/sys/devices/system/cpu/isolated"
  owners="$owners,\"isolated\":$quoted"
  quoted "$NSEXEC_HOST/sys/devices/system/cpu/nohz_full"
  owners="$owners,\"nohz_full\":$quoted"
  quoted "$NSEXEC_CGROUP/cpuset.cpus.isolated"
  owners="$owners,\"partitions\":$quoted"
}

# → $sources: fields of an event
#   out: $sources $all_online
gather() {
  sources='' sent=0
  for file in "$NSEXEC_HOST"/etc/crio/crio.conf "$NSEXEC_HOST"/etc/crio/crio.conf.d/* \
    "$NSEXEC_HOST"/etc/crio/crio.conf.d/.[!.]* "$NSEXEC_HOST"/etc/crio/crio.conf.d/*/*; do
    send crio "$NSEXEC_HOST" "${file#"$NSEXEC_HOST"}" '^[[:space:]]*([^#[:space:]].*)?(cpuset|workloads)'
  done
  send pinning "$NSEXEC_HOST" /etc/kubernetes/openshift-workload-pinning cpuset
  send_kubelet
  find_owners
  sources="\"kubelet_flags\":\"$flags\",\"files\":[$sources],$owners"
}

