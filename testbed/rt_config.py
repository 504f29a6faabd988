"""What the real-time node's disk holds: packages, files and links, all of them the same for every cluster."""

import hashlib
from typing import Final, NamedTuple

from testbed import choice


class Distribution(NamedTuple):
    """A Debian of the real-time node: its kernel, and the OCI runtime that its containers run under by default."""

    suite: str
    oci_runtime: str
    """Debian's package, and its program in /usr/bin."""
    packages: tuple[str, ...] = ()
    """Which the others do without."""
    cpu_quotas: bool = True
    """Whether the kubelet limits the CPU time of containers (cpuCFSQuota)."""


_DISTRIBUTIONS: Final = (
    Distribution("bookworm", "runc"),  # Linux 6.1
    # Linux 6.12; crun is OpenShift's default since 4.18. Its Python is not Debian 12's, for which pydantic is compiled.
    # That crun, 1.21, makes 1 % of a CPU of "no quota", which the kubelet says of containers with CPUs of their own
    # (containers/crun#1794; OpenShift had it too, OCPBUGS-57388): an emulated CPU gets nothing done in such a time.
    Distribution("trixie", "crun", ("python3-pydantic",), cpu_quotas=False),
)


def distribution() -> Distribution:
    """What RT_DISTRO names; Debian 12 without it. Raises ClusterError for another name."""
    return choice.of_environment("RT_DISTRO", {each.suite: each for each in _DISTRIBUTIONS})


PACKAGES = (
    "containerd",
    "dbus",
    "iproute2",
    "kmod",
    "linux-image-rt-amd64",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
)

# Who logs in by ssh: RHCOS' own user, who becomes root without a password, and one who does not.
SUDOER = "core"
STRANGER = "guest"
BANNER = "Authorized use only."

# Words, one a line, for mmdebstrap's hook. Only the virtual disk's drivers: a small initramfs is quick to unpack on an
# emulated CPU.
INITRAMFS = {
    "etc/initramfs-tools/conf.d/small": ("MODULES=list",),
    "etc/initramfs-tools/modules": ("virtio_pci", "virtio_blk", "ext4"),
}

ISOLATED = "2-3"
ISOLATED_CPUS = (2, 3)
RESERVED = "0-1"
CPUS = 4
# As on an OpenShift node with a real-time PerformanceProfile; nosoftlockup because the loop is meant to hog its CPU.
KERNEL_ARGUMENTS = (
    "root=/dev/vda rw console=ttyS0 mitigations=off "
    f"isolcpus=managed_irq,domain,{ISOLATED} nohz_full={ISOLATED} rcu_nocbs={ISOLATED} "
    "systemd.cpu_affinity=0,1 irqaffinity=0-1 rcutree.kthread_prio=11 nosoftlockup skew_tick=1 SYSTEMD_COLORS=0 "
    "systemd.condition_needs_update=no"  # all was made when the disk was; each step again takes an emulated CPU seconds
)

# It needs nothing that the rest of the boot makes, and that leaves a CPU idle meanwhile. It is 170 MB: in tar's own
# pieces of 10 KiB those are 17,000 reads, each of which costs an emulated CPU something.
_PAYLOAD = """[Unit]
Description=Unpack what this cluster hands over on the second disk
DefaultDependencies=no
Before=ssh.service containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/tar --extract --no-same-owner --blocking-factor=2048 --file=/dev/vdb --directory=/

[Install]
WantedBy=multi-user.target
"""

_IMAGES = """[Unit]
Description=Import the images that came with the payload
Requires=payload.service containerd.service
After=payload.service containerd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for tar in /opt/node/images/*.tar; do ctr --namespace=k8s.io images import "$tar" || exit 1; done'
"""

# A Go program that is at work looks after its threads every 20 µs, by a thread that naps in between (sysmon): on an
# emulated CPU this was a third of all that a pod's start took. With more slack it naps until the next tick. What they
# start inherits it (prctl(2), PR_SET_TIMERSLACK), and the kernel gives none to real-time threads.
TIMER_SLACK = "TimerSlackNSec=5ms\n"

# As OpenShift's operator has TuneD do (scheduler: group.ktimers, group.ksoftirqd; rcutree.kthread_prio is group.rcuc).
# With less priority than that, a timer that expires on the CPU of a loop at SCHED_FIFO 1 never fires: so oslat, which
# has the kernel tell it when its time is over, ran for ever now and then.
_KERNEL_THREADS = """[Unit]
Description=Let the kernel's timers and softirqs run beside real-time loops
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for pid in $(pgrep "^(ksoftirqd|ktimers)/"); do chrt --fifo --pid 11 "$pid" || exit 1; done'
"""

# The images are imported while the kubelet starts: whoever waits for the node waits for them, too (rt_node.py).
_KUBELET = f"""[Unit]
Description=kubelet
Requires=payload.service kernel-threads.service
Wants=images.service
After=payload.service kernel-threads.service containerd.service crio.service

[Service]
ExecStart=/opt/node/kubelet --config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.kubeconfig \
  --hostname-override=rtnode --cloud-provider=external --housekeeping-interval=60s
Restart=on-failure
RestartSec=2
KillMode=process
Delegate=yes
CPUAccounting=yes
MemoryAccounting=yes
{TIMER_SLACK}"""

# Its configuration names the pause image, which is the cluster's to choose; and it is the payload's own containerd, in
# /usr/local/bin, where that brings one. systemd itself looks for programs before the payload is there.
_CONTAINERD = f"""[Unit]
Requires=payload.service
After=payload.service

[Service]
ExecStart=
ExecStart=/usr/bin/env containerd
{TIMER_SLACK}"""

# systemd.cpu_affinity alone does not last: on this kernel a process loses its own mask as soon as the cpuset controller
# is turned on above it, which the first container does.
_RESERVED_ONLY = f"AllowedCPUs={RESERVED}\n"

FILES = {
    "etc/hostname": "rtnode\n",
    "etc/machine-id": f"{hashlib.md5(b'rtnode', usedforsecurity=False).hexdigest()}\n",
    "etc/systemd/journald.conf.d/volatile.conf": "[Journal]\nStorage=volatile\n",
    "etc/hosts": "127.0.0.1 localhost rtnode\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 0\n",
    "etc/resolv.conf": "",
    "etc/systemd/network/10-ether.network": "[Match]\nName=en*\n[Network]\nDHCP=ipv4\n",
    # Throttling off: a FIFO loop owns its CPU wholly, which is the case that the tool is for.
    "etc/sysctl.d/90-realtime.conf": "kernel.sched_rt_runtime_us = -1\n",
    "etc/ssh/sshd_config.d/node.conf": "PasswordAuthentication no\nUseDNS no\nUsePAM no\nMaxSessions 50\n"
    "Banner /etc/ssh/banner\n",
    "etc/ssh/banner": f"{BANNER}\n",
    "etc/sudoers.d/core": f"{SUDOER} ALL=(ALL) NOPASSWD: ALL\n",
    "etc/systemd/system/containerd.service.d/payload.conf": _CONTAINERD,
    "etc/systemd/system/system.slice.d/reserved.conf": f"[Slice]\n{_RESERVED_ONLY}",
    "etc/systemd/system/user.slice.d/reserved.conf": f"[Slice]\n{_RESERVED_ONLY}",
    "etc/systemd/system/init.scope.d/reserved.conf": f"[Scope]\n{_RESERVED_ONLY}",
    "etc/systemd/system/payload.service": _PAYLOAD,
    "etc/systemd/system/images.service": _IMAGES,
    "etc/systemd/system/kernel-threads.service": _KERNEL_THREADS,
    "etc/systemd/system/kubelet.service": _KUBELET,
}

_WANTS = "etc/systemd/system/multi-user.target.wants"
LINKS = {
    f"{_WANTS}/systemd-networkd.service": "/lib/systemd/system/systemd-networkd.service",
    f"{_WANTS}/payload.service": "/etc/systemd/system/payload.service",
    f"{_WANTS}/kubelet.service": "/etc/systemd/system/kubelet.service",
    # What nobody needs here costs seconds of booting, or wakes up by itself in the middle of a measurement.
    **{
        f"etc/systemd/system/{unit}": "/dev/null"
        for unit in (
            "apt-daily.timer",
            "apt-daily-upgrade.timer",
            "dpkg-db-backup.timer",
            "e2scrub_all.timer",
            "e2scrub_reap.service",
            "fstrim.timer",
            "getty@.service",
            "proc-sys-fs-binfmt_misc.automount",
            "serial-getty@.service",
            "sys-fs-fuse-connections.mount",
            "sys-kernel-config.mount",
            "systemd-binfmt.service",
            "systemd-logind.service",
            "systemd-networkd-persistent-storage.service",
            "systemd-networkd-wait-online.service",
            "systemd-pstore.service",
        )
    },
}
