#!/bin/sh
# Third part of the agent, joined with the others by the package: the node's own files about CPUs, sent up as they are.
# Nothing is understood here: the client has the parsers. A file without a word about CPUs stays on the node.
# shellcheck disable=SC2015 # "check && check || fail" is meant throughout: fail never returns

FILE_BYTES=65536 # of one file; the client refuses a longer one, and is sent a byte more to see that it is
SENT_FILES=32

follow() { # $1: root, $2: path below it → $path without links; an absolute one is below that root, not below ours
  path=$1$2 hops=0
  while [ -L "$path" ] && [ "$hops" -lt 8 ]; do
    link=$(readlink "$path") hops=$((hops + 1))
    case $link in /*) path=$1$link ;; *) path=${path%/*}/$link ;; esac
  done
}

send() { # $1: whose file, $2: root, $3: path below it, $4: what it mentions when it matters → one more in $files
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

is_kubelet() { # $1: folder of a process; never true of one in a pod that only calls itself so, nor of one that has ended
  comm_of "$1"
  [ "$comm" = kubelet ] && look "$1" && [ "$uid" = 0 ] || return 1
  case $state in Z | X) return 1 ;; esac # its parent does not wait for it: the one before a restart
  grep -qsE 'kubepods|/pod[0-9a-f]' "$1/cgroup"
  [ $? -eq 1 ]
}

find_kubelet() { # → $kubelet: the PID of the node's kubelet; false where there is none, or more than one
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

send_kubelet() { # → $flags, and $sources: by the flags of the running kubelet, else wherever kubelets have their files
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

gather() { # → $sources: fields of an event
  sources='' sent=0
  for file in "$NSEXEC_HOST"/etc/crio/crio.conf "$NSEXEC_HOST"/etc/crio/crio.conf.d/* \
    "$NSEXEC_HOST"/etc/crio/crio.conf.d/.[!.]* "$NSEXEC_HOST"/etc/crio/crio.conf.d/*/*; do
    send crio "$NSEXEC_HOST" "${file#"$NSEXEC_HOST"}" '^[[:space:]]*([^#[:space:]].*)?(cpuset|workloads)'
  done
  send pinning "$NSEXEC_HOST" /etc/kubernetes/openshift-workload-pinning cpuset
  send_kubelet
  sources="\"kubelet_flags\":\"$flags\",\"files\":[$sources]"
}

