#!/bin/sh
# First part of the agent, joined with the others by the package: CPU lists, processes and cgroup folders.
# The roots of the proc and cgroup trees are parameters, for the tests.
#
# Above each function: what it is for; "in", the globals that it takes beside its arguments; "out", those that it returns
# by; "status", where that says something. "fails" is: calls fail, which ends the agent with status 125. All other variables
# are a function's own, and nobody reads what it left in them (tests/node/test_agent_globals.py).
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns
set -u
export LC_ALL=C
: "${NSEXEC_PROC:=/proc}" "${NSEXEC_HOST=}" "${NSEXEC_RUN=}" "${NSEXEC_SHIM=}"
: "${NSEXEC_CGROUP:=$NSEXEC_HOST/sys/fs/cgroup}"
nonce='' unread=0 patience=300 # of every function: the run's, bytes of stdin that the client is still to send, s
base='' own_pod='' pool='' sources='' # of every function: empty until somebody has found them

# $1: fields of a JSON object, as a line of ours on stdout
say() { printf '%s {%s}\n' "$nonce" "$1"; }

# stdin to stdout: what a string in JSON, and a terminal, takes as it is
harmless() { tr -c ' !#-[]-~' '?'; }

# $1: bytes, from stdin to stdout: a client that died before it sent them never will
#   status: false when they did not come
take() { timeout "$patience" head -c "$1"; }

# $1: code, $2: one sentence, $3: what follows it, as JSON has it
#   status: never returns, the agent exits with 125
fail() {
  # The reader of our first words is there once it has sent what it is to send first: until then they would be lost.
  [ "$unread" -eq 0 ] || take "$unread" >/dev/null
  say "\"event\":\"error\",\"code\":\"$1\",\"message\":\"$(printf %s "$2" | harmless)${3:-}\""
  exit 125
}

# $1: a word from outside
#   status: true when it is safe as one component of a path
named() {
  case $1 in '' | .* | *[!A-Za-z0-9._-]*) return 1 ;; esac
}

# $1: a word from outside
#   status: true when it is a decimal number above 0 that any shell can hold
counted() {
  case $1 in '' | 0* | *[!0-9]* | ?????????*) return 1 ;; esac
}

# --- CPU lists, in the kernel's syntax, compared as sets (cpuset(7), "List format") ---

# $1: "0-2,8" → $cpus: " 0 1 2 8 "
#   out: $cpus; status: false when it is not a list of CPUs up to 8191
expand() {
  cpus=' ' rest=${1:+$1,}
  while [ -n "$rest" ]; do
    part=${rest%%,*} rest=${rest#*,}
    first=${part%-*} last=${part#*-}
    case $first,$last in *[!0-9,]* | ,* | *, | 0[0-9]* | *,0[0-9]* | ?????,* | *,?????*) return 1 ;; esac
    [ "$first" -le "$last" ] && [ "$last" -le 8191 ] || return 1
    while [ "$first" -le "$last" ]; do
      cpus="$cpus$first " first=$((first + 1))
    done
  done
}

# $1, $2: lists → $met: what they share, as the kernel prints it
#   out: $met; status: false when one of them is no list
meet() {
  expand "$2" || return 1
  others=$cpus met='' run='' previous=-2
  expand "$1" || return 1
  for cpu in $cpus; do
    case $others in *" $cpu "*) ;; *) continue ;; esac
    if [ "$cpu" -ne $((previous + 1)) ]; then
      met=$met${run:+${met:+,}$run} run=$cpu
    else
      run=${run%-*}-$cpu
    fi
    previous=$cpu
  done
  met=$met${run:+${met:+,}$run}
}

# $1, $2: lists → $met: what they share
#   out: $met; status: true when the first is not empty and inside the second, and so is $met
within() {
  meet "$1" "$1" && [ -n "$met" ] || return 1
  whole=$met
  meet "$1" "$2" && [ "$met" = "$whole" ]
}

# --- processes and cgroup folders ---

# $1: folder of a process → what its status says
#   out: $state $parent $uid $pids $rights $mask; status: false when it is gone
look() {
  state='' parent='' uid='' pids='' rights='' mask=''
  while read -r key value; do
    case $key in
    State:) state=${value%% *} ;;
    PPid:) parent=$value ;;
    Uid:) uid=${value%%[!0-9]*} ;;
    NSpid:) pids=$value ;;
    CapPrm:) rights=$value ;;
    Cpus_allowed_list:) mask=$value ;;
    esac
  done 2>/dev/null <"$1/status"
  [ -n "$state" ]
}

# → the same of this shell
#   out: $state $parent $uid $pids $rights $mask; status: fails when it cannot be read
own_mask() { look "$NSEXEC_PROC/self" || fail node "cannot read $NSEXEC_PROC/self/status"; }

# → $version, $base: where cpusets are, $own: our path there, $above and $slices: what precedes kubepods,
# $own_devices: our path among the devices (v1), $stray: what our container stands in, where that is not our pod's folder
#   out: $version $base $own $own_devices $stray $above $slices
find_hierarchy() {
  version=v1 base=$NSEXEC_CGROUP/cpuset own='' own_devices='' stray=''
  [ ! -e "$NSEXEC_CGROUP/cgroup.controllers" ] || version=v2 base=$NSEXEC_CGROUP
  while IFS=: read -r _ controllers path; do
    case $version,$controllers, in v2,, | v1,cpuset,* | v1,*,cpuset,*) own=$path ;; esac
    case ,$controllers, in *,devices,*) own_devices=$path ;; esac
  done 2>/dev/null <"$NSEXEC_PROC/self/cgroup"
  # Kubelet with the systemd driver, runtime with cgroupfs (kubeadm's classic mistake): the runtime takes the name that
  # is meant for systemd, SLICE:PREFIX:ID, for a folder below its own cgroup. The kubelet's folder of the pod stays empty.
  case ${own##*/} in *kubepods*.slice:*:*) stray=$base${own%:*}: ;; esac
  above=${own%%kubepods*}
  # From inside a cgroup namespace the path says nothing about what is above it.
  case $own in */../* | */..) above='' ;; *kubepods*) ;; *) above='' ;; esac
  slices=${above##*/} above=${above%/*}
}

# $1: pod UID → $pod: its cgroup folder, $escaped: the UID as systemd has it
#   in: $base $above $slices $stray; out: $pod $escaped; status: false when there is none
find_pod() {
  escaped=$1 top=$above
  while [ "$escaped" != "${escaped#*-}" ]; do escaped=${escaped%%-*}_${escaped#*-}; done
  while :; do
    for qos in '' burstable besteffort; do
      leaf=${slices}kubepods${qos:+-$qos}
      for pod in "$base$top/${slices}kubepods.slice/${qos:+$leaf.slice/}$leaf-pod$escaped.slice" \
        "$base$top/kubepods/${qos:+$qos/}pod$1"; do
        [ ! -d "$pod" ] || return 0
      done
    done
    # What precedes the name of a stray container is the runtime's: the kubelet's folders are somewhere above it.
    [ -n "$stray" ] && [ -n "$top" ] || return 1
    top=${top%/*}
  done
}

# $1: text, $2: kernel file
#   status: false when the kernel refuses
put() { echo "$1" 2>/dev/null >"$2"; }

# $1: kernel file → $list: CPUs
#   out: $list; status: false where there is no such file
kernel_list() {
  list=''
  read -r list 2>/dev/null <"$1" || [ -e "$1" ] || return 1
  [ "$list" != '(null)' ] || list='' # nohz_full of a kernel that has none
}

# $1: CPUs of ours
#   status: fails where the kernel keeps them for others, whoever calls them reserved
keep_off_isolated() {
  for file in "$NSEXEC_HOST/sys/devices/system/cpu/isolated" "$NSEXEC_HOST/sys/devices/system/cpu/nohz_full" \
    "$NSEXEC_CGROUP/cpuset.cpus.isolated"; do
    kernel_list "$file" || continue
    meet "$1" "$list" || fail node "$file is not a CPU list: '$list'"
    [ -z "$met" ] || fail isolated "the kernel isolates CPUs $met of $1 (${file#"$NSEXEC_HOST"} says $list)"
  done
}

# → $online, $cut: reserved CPUs that are online
#   in: $reserved; out: $online $cut; status: fails when there are none, or $reserved is no list
cut_to_online() {
  expand "$reserved" && [ -n "$reserved" ] || fail placement "the reserved CPUs '$reserved' are not a CPU list"
  online=''
  read -r online 2>/dev/null <"$NSEXEC_HOST/sys/devices/system/cpu/online"
  meet "$reserved" "$online" || fail node "the node's list of online CPUs is unreadable: '$online'"
  [ -n "$met" ] || fail placement "none of the reserved CPUs $reserved is online (online: $online)"
  cut=$met
  keep_off_isolated "$cut"
}

# $1: name → $folder: a cpuset of the reserved CPUs in our own pod's folder
#   in: $pod $version $cut; out: $folder; status: fails
make_folder() {
  folder=$pod/nsexec-$1
  mkdir "$folder" 2>/dev/null || fail placement "cannot make the cgroup folder $folder"
  if [ "$version" = v1 ]; then
    read -r mems <"$pod/cpuset.mems" && put "$mems" "$folder/cpuset.mems"
  elif [ ! -e "$folder/cpuset.cpus" ]; then
    put +cpuset "$pod/cgroup.subtree_control"
  fi
  put "$cut" "$folder/cpuset.cpus" || fail placement "the kernel refuses CPUs $cut in $folder"
}

# → $devices: our container's own folder of them, on v1
#   in: $base $own $own_devices $pod $stray; out: $devices
find_devices() {
  devices=$NSEXEC_CGROUP/devices${pod#"$base"}/${own##*"/${pod##*/}/"}
  [ -z "$stray" ] || devices=$NSEXEC_CGROUP/devices$own_devices
}

# $1: name → $devices: where the shim says which devices the session may use; we are in it
#   in: $folder $version $base $own $own_devices $pod $stray; out: $devices; status: fails
make_devices_folder() {
  devices=$folder
  [ "$version" = v1 ] || return 0
  # Below our container's own folder: the runtime, which ends every process of it, looks there.
  find_devices
  devices=$devices/nsexec-$1
  # Without a helper pod one for the session alone, which the guard removes with the one that stands for the pod.
  [ -z "${NSEXEC_POD_CGROUP:-}" ] || devices=$NSEXEC_CGROUP/devices/${NSEXEC_POD_CGROUP##*/}
  mkdir "$devices" 2>/dev/null && put "$$" "$devices/cgroup.procs" ||
    fail placement "cannot make the cgroup folder $devices"
}

# the start of both parts → $pod: our pod's cgroup folder, or what stands for it, and where all is
#   in: $reserved; out: $version $base $own $own_devices $stray $above $slices $pod $online $cut; status: fails
find_own_pod() {
  named "${NSEXEC_POD_UID:-}" || fail node "the helper pod does not say its own UID (NSEXEC_POD_UID)"
  cut_to_online
  find_hierarchy
  pod=${NSEXEC_POD_CGROUP:-}
  [ -n "$pod" ] || find_pod "$NSEXEC_POD_UID" || fail placement "no cgroup folder of the helper pod $NSEXEC_POD_UID below $base$above"
}
