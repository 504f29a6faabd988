#!/bin/sh
# Fourth part of the agent, joined with the others by the package: the way in without a helper pod, as root on the node.
#
# A cgroup folder of our own stands for the helper pod's cgroup folder, and a memory file system of our own, seen by nobody else,
# for its volume. What stays is one process, `shim guard`: it takes the place of the lease's main process and of
# the runtime, ends every process of the session when the client is gone, and removes what was made here.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

# from the ordinary mount namespace and cgroup, into our own
#   status: never returns
alone() {
  reserved=$1 id=$4
  [ "$(id -u)" = 0 ] || fail node "this is uid $(id -u) and not root"
  # The client waits for this with what it sends, so that no head reads more than is meant for it.
  printf '\n%s ready\n' "$nonce"
  own_mask
  # For the session that comes later; the pod is the target's, which shows where the kubelet keeps its files.
  export NSEXEC_AGENT="$agent" NSEXEC_ENTRY_MASK="$mask" NSEXEC_POD_UID="$5" NSEXEC_POD_CGROUP=''
  [ "$reserved" != ask ] || ask
  shift
  set -- "$reserved" "$@"
  cut_to_online
  find_hierarchy
  # shellcheck disable=SC2016 # for the shell that is started
  set -- /bin/sh -c 'eval "$NSEXEC_AGENT"' nsexec-agent prepare "$nonce" "$@"
  # Under systemd the top of cgroup v2 is systemd's: what it has not made itself may lose its CPUs at any time.
  [ "$version" = v1 ] || [ ! -d "$NSEXEC_HOST/run/systemd/system" ] ||
    set -- systemd-run --quiet --scope --collect --slice=-.slice "--unit=nsexec-$id" -p Delegate=yes \
      -p "AllowedCPUs=$cut" -- "$@"
  # As a slave: what the node unmounts must not stay busy because of our copy of its mounts.
  set -- unshare --mount --propagation slave -- "$@"
  # SELinux gives a pipe all categories of the login that makes it, and a container opens only what has none but its own.
  [ ! -e "$NSEXEC_HOST/sys/fs/selinux/enforce" ] || ! runcon -l s0 true 2>/dev/null || set -- runcon -l s0 "$@"
  exec "$@"
}

# in the target's /proc folder → $kubelet_state: there is no volume of ours to go by
#   out: $kubelet_state
find_kubelet_by_target() {
  # Each container has an /etc/hosts from there: field 3 is its device, 4 the file on it, 5 the mount point (proc(5)).
  # shellcheck disable=SC2046 # the fields are what is wanted
  set -- $(grep -F "/pods/$NSEXEC_POD_UID/etc-hosts " mountinfo 2>/dev/null)
  while read -r _ _ device top point _; do
    [ "$device" = "${3:-}" ] || continue
    case $4 in "${top%/}"/*) ;; *) continue ;; esac
    kubelet_state=${4#"${top%/}"} kubelet_state=${point%/}${kubelet_state%%/pods/*}/cpu_manager_state
    [ ! -e "$kubelet_state" ] || return 0
  done 2>/dev/null <"$NSEXEC_PROC/self/mountinfo"
}

# from stdin, $unread bytes with the SHA-256 sum $sum → $shim
#   in: $sum; out: $shim $unread; status: fails
take_shim() {
  shim=$NSEXEC_RUN/shim
  take "$unread" >"$shim.sent" || fail shim "cannot write $shim.sent, or it did not come"
  unread=0
  # A copy: BusyBox's timeout leaves a process behind that holds its output open for a moment (ETXTBSY, execve(2)).
  cat "$shim.sent" >"$shim" && rm "$shim.sent" || fail shim "cannot write $shim"
  got=$(sha256sum "$shim") || fail shim "cannot read $shim back"
  [ "${got%% *}" = "$sum" ] || fail shim "the shim arrived damaged (sha256 ${got%% *}, sent $sum)"
  chmod 0500 "$shim" || fail shim "cannot make $shim executable"
}

# what was made before the guard could be started; systemd removes its scope itself
#   in: $top
# shellcheck disable=SC2317 # the trap calls it
undo() {
  umount -l "$NSEXEC_RUN" 2>/dev/null
  rmdir "$NSEXEC_RUN" 2>/dev/null
  [ "$top" = - ] || put "$$" "$top/cgroup.procs"
  rmdir "$NSEXEC_POD_CGROUP/nsexec-guard" "$NSEXEC_POD_CGROUP" 2>/dev/null
}

# in our own mount namespace and, with systemd, scope
#   status: never returns
prepare() {
  reserved=$1 bytes=$2 sum=$3 id=$4 NSEXEC_RUN=$NSEXEC_HOST/run/nsexec-$4
  shift 3
  cut_to_online
  find_hierarchy
  case $own in
  *"/nsexec-$id.scope") NSEXEC_POD_CGROUP=$base$own top=- ;;
  *) NSEXEC_POD_CGROUP=$base/nsexec-$id top=$base ;;
  esac
  trap undo EXIT
  # Whoever wants us to end closes our stdin; and a word that nobody hears must not end us before we have cleared up.
  trap '' HUP INT PIPE QUIT TERM
  mkdir -m 0700 "$NSEXEC_RUN" && mount -t tmpfs -o mode=0700,size=16m,nosuid,nodev nsexec "$NSEXEC_RUN" ||
    fail node "cannot mount a memory file system on $NSEXEC_RUN"
  unread=$bytes
  take_shim
  mkfifo -m 0600 "$NSEXEC_RUN/lease" || fail node "cannot make FIFOs in $NSEXEC_RUN"

  pod=$base
  [ "$top" = - ] || make_folder "$id"
  pod=$NSEXEC_POD_CGROUP
  if [ "$version" = v1 ]; then
    make_folder guard
    put "$$" "$folder/cgroup.procs"
  else
    # In this order: with a process of its own in it a folder that hands cpuset on has none but threaded ones below it.
    folder=$pod/nsexec-guard
    mkdir "$folder" && put "$$" "$folder/cgroup.procs" && put +cpuset "$pod/cgroup.subtree_control" &&
      put "$cut" "$folder/cpuset.cpus"
  fi || fail placement "cannot move into $folder"
  own_mask
  within "$mask" "$cut" || fail placement "asked for CPUs $cut, got '$mask' in $folder"
  "$shim" 2>/dev/null
  [ $? -eq 125 ] || fail shim "the node does not run $shim"
  say "\"event\":\"held\",\"mask\":\"$mask\",\"cgroup\":\"$version\",\"pin\":\"folder\""
  export NSEXEC_AGENT="$agent" NSEXEC_POD_CGROUP NSEXEC_RUN NSEXEC_SHIM="$shim"
  # shellcheck disable=SC2016 # for the shell that is started
  exec "$shim" guard "$nonce" "$NSEXEC_POD_CGROUP" "$top" "$NSEXEC_RUN" \
    /bin/sh -c 'eval "$NSEXEC_AGENT"' nsexec-agent enter "$nonce" "$reserved" "$@"
}

