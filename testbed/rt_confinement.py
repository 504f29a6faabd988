"""The Linux security module of the real-time node, which confines its containers: AppArmor or SELinux."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from testbed import choice

# Debian 13 has a hundred profiles of programs that are not here: to compile them takes an emulated CPU half a minute.
_FEW_PROFILES: Final = (
    '--customize-hook=find "$1/etc/apparmor.d" -maxdepth 1 -type f ! -name crun ! -name runc -delete',
)
_POLICY: Final = Path(__file__).with_name("rt_policy.cil")
_IN_TREE: Final = "usr/share/selinux/node.cil"
# The boolean is OpenShift's virt_sandbox_use_all_caps, which is on there: its pod says what a container may do.
_LABEL_PAYLOAD: Final = """[Service]
ExecStart=/sbin/setsebool container_use_host_all_caps=1
ExecStart=/sbin/restorecon -RF /opt/node /usr/local/bin /etc/containerd /etc/kubernetes /root /home
"""


class Confinement(NamedTuple):
    """A Linux security module that confines containers, and what it takes."""

    lsm: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    """mmdebstrap's options, when the packages are there."""
    files: Mapping[str, str] = {}
    kernel_arguments: tuple[str, ...] = ()
    when_packed: str = ""
    """What a shell runs as root in the tree of the disk, which is its /, when all files are there."""


_CONFINEMENTS: Final = (
    Confinement("apparmor", ("apparmor",), _FEW_PROFILES),  # by a profile of containerd's, as on Ubuntu and SUSE
    # By a type and a pair of categories, as on OpenShift. The audit daemon loses no denial; the kernel's own log does.
    Confinement(
        "selinux",
        ("auditd", "policycoreutils", "selinux-policy-default", "selinux-utils"),
        (),
        {
            _IN_TREE: _POLICY.read_text(encoding="utf-8"),
            "etc/systemd/system/payload.service.d/label.conf": _LABEL_PAYLOAD,
        },
        ("security=selinux", "selinux=1", "enforcing=1"),
        f"semodule -i /{_IN_TREE} && setfiles -F /etc/selinux/default/contexts/files/file_contexts /",
    ),
)


def confinement() -> Confinement:
    """What RT_LSM names; AppArmor without it. Raises ClusterError for another name."""
    return choice.of_environment("RT_LSM", {each.lsm: each for each in _CONFINEMENTS})
