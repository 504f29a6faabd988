#!/bin/sh
# Fifth part of the agent, joined with the others by the package: the helper's main process, which holds the lease.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

# → $reserved, by the client, who cannot say it before it has seen what the node says
#   out: $reserved $sources; status: exits with 125 when the client is gone
ask() {
  # Until then this shell waits in the shared pool, as any best-effort pod does: on CPUs that nobody owns.
  gather
  [ "$(take 5)" = look ] || exit 125
  own_mask
  named "${NSEXEC_POD_UID:-}" || fail node "the helper pod does not say its own UID (NSEXEC_POD_UID)"
  find_kubelet_state
  say "\"event\":\"node\",\"mask\":\"$mask\",\"online\":\"$all_online\",\
\"cpu_manager_state\":\"$(base64 -w0 2>/dev/null <"$kubelet_state")\",$sources"
  read -r word reserved && [ "$word" = place ] || exit 125
}

# → $leaf: what our own container stands in, narrowed to our CPUs as the others of our pod are
#   in: $pod $version $base $own $stray $cut; out: $leaf
narrow_own_containers() {
  leaf=''
  # cgroup v2: what the pod's folder has not, no folder in it gets, whatever the kubelet writes there; and where nothing
  # is common (strict-cpu-reservation) a folder gets the pod's. On v1 a folder may only shrink after those within it.
  [ "$version" = v1 ] || [ ! -e "$pod/cpuset.cpus" ] || put "$cut" "$pod/cpuset.cpus"
  # Twice: on cgroup v1 a child must fit its parent, so the outer one may be refused before the inner one.
  for _ in 1 2; do
    for container in "$pod"/*/*/ "$pod"/*/ ${stray:+"$stray"*/}; do
      container=${container%/}
      case $container in "$pod"/nsexec-*) continue ;; esac
      [ ! -e "$container/cpuset.cpus" ] || put "$cut" "$container/cpuset.cpus"
      case $own in "${container#"$base"}") leaf=$container ;; esac
      [ -n "$leaf" ] || ! grep -qx "$$" "$container/cgroup.procs" 2>/dev/null || leaf=$container
    done
  done
}

#   status: never returns
hold() {
  reserved=$1 patience=$2 idle=${3:-} life=${4:-} shim=$NSEXEC_SHIM
  find_pool
  [ "$reserved" != ask ] || ask
  unread=5
  find_own_pod
  make_folder cpus # first: by it other sessions know a helper, whose CPUs are nobody's own
  # Again: the kubelet's CPU manager writes a new container's CPUs once, within its ten seconds' round. When that falls
  # between our write and our look, the container has the pool's CPUs. From "ready" on the watch does the same.
  for _ in 1 2 3; do
    narrow_own_containers
    own_mask
    ! within "$mask" "$reserved" || break
  done
  within "$mask" "$reserved" || fail placement "asked for CPUs $cut, the helper container got '$mask'"
  [ -n "$leaf" ] || fail placement "the helper container's own cgroup folder is not in $pod"

  # The client is on its way, so this takes no time of its own.
  [ -n "$sources" ] || gather
  printf %s "$sources" >"$NSEXEC_RUN/sources" || fail node "cannot write $NSEXEC_RUN/sources"

  word=$(take "$unread") unread=0
  [ "$word" = hold ] || exit 125

  outer=${leaf#"$pod"/} outer=$pod/${outer%%/*}
  [ -z "$stray" ] || outer=$leaf
  set -- "$outer/cpuset.cpus"
  [ "$version" = v1 ] || [ ! -e "$pod/cpuset.cpus" ] || set -- "$@" "$pod/cpuset.cpus"
  [ "$leaf" = "$outer" ] || [ ! -e "$leaf/cpuset.cpus" ] || set -- "$@" "$leaf/cpuset.cpus"
  mkfifo -m 0600 "$NSEXEC_RUN/watch" "$NSEXEC_RUN/lease" || fail node "cannot make FIFOs in $NSEXEC_RUN"
  (put 0 "$folder/cgroup.procs" && exec "$shim" watch "$$" "$cut" "$@") </dev/null >"$NSEXEC_RUN/watch" 2>/dev/null &
  read -r word <"$NSEXEC_RUN/watch" && [ "$word" = ready ] || fail node "cannot watch over the CPUs of $outer"

  # Nobody but this shell has the lease open for writing: when it ends, however it ends, every session sees it.
  exec 9<>"$NSEXEC_RUN/lease"
  held="\"event\":\"held\",\"mask\":\"$mask\",\"cgroup\":\"$version\",\"pin\":\"folder\""
  # In a shared helper pod each session has a lease of its own, and this process's stdin is none any more.
  devices=-
  [ "$version" = v2 ] || find_devices
  [ -z "$idle" ] || exec "$shim" serve "$NSEXEC_RUN/server" "$pod" "$devices" "$idle" "$life" "$(say "$held")" </dev/null
  say "$held"
  while read -r _; do :; done
  exit 0
}
