"""What --privileged, --user and --host-tools make of an identity, and the lines that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.identity import devices
from kubectl_nsexec.identity.identity import DEFAULT_UMASK, Identity
from kubectl_nsexec.identity.proc import CAPABILITY_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_nsexec.model.messages import TargetFacts
    from kubectl_nsexec.model.privileges import Privileges, User

ROOT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PTRACE = 1 << CAPABILITY_NUMBERS["CAP_SYS_PTRACE"]


def grant(who: Identity, privileges: Privileges, facts: TargetFacts, pod_groups: Iterable[int]) -> Identity:
    """The container's identity ``who`` with the privileges asked for; ``pod_groups`` are those of the pod's spec."""
    if privileges.host_tools:
        return host_tools(facts)
    if privileges.process is not None:
        who = who._replace(cwd=directory(facts))
    if privileges.privileged:
        return privileged(who, facts.capabilities)
    return as_user(who, privileges.user, pod_groups) if privileges.user else who


def privileged(who: Identity, capabilities: int) -> Identity:
    """Root with ``capabilities``, as ``nsenter -a`` leaves it; limits, umask, directory, environment of ``who``.

    ``nsenter -a`` joins a user namespace of the container's own, too: then it is root there, and not on the node.
    """
    root = _root(capabilities, who.env, "--privileged")
    return root._replace(umask=who.umask, cwd=who.cwd, rlimits=who.rlimits, user_namespace=who.user_namespace)


def as_user(who: Identity, user: User, pod_groups: Iterable[int]) -> Identity:
    """``who`` with other ids, as the runtime's exec of another user.

    runc sets the spec's capability sets whoever the user is (libcontainer, finalizeNamespace); what is left of them is
    the kernel's to say at execve: nothing but ambient ones for a user, the bounding set for root, and under
    no_new_privs no more than was permitted (capabilities(7)). Of the groups those of the pod stay: the others are
    what the image's /etc/group says about the container's own user.
    """
    kept = tuple(group for group in who.groups if group in set(pod_groups))
    return who._replace(uid=user.uid, gid=user.gid, groups=kept)


def host_tools(facts: TargetFacts) -> Identity:
    """The node's root with the helper's capabilities, and an environment that says where the container is."""
    env = (b"PATH=" + ROOT_PATH, b"NSEXEC_PID=%d" % facts.inner_pid, b"NSEXEC_ROOT=" + _root_of(facts).encode())
    return _root(facts.capabilities, env, "--host-tools")


def _root(capabilities: int, env: tuple[bytes, ...], source: str) -> Identity:
    """Built from nothing: what holds the container in (no_new_privs, filter, labels, devices) is not taken over."""
    return Identity(
        uid=0,
        gid=0,
        groups=(),
        bounding=capabilities,
        permitted=capabilities,
        effective=capabilities,
        inheritable=0,
        ambient=0,
        no_new_privs=False,
        umask=DEFAULT_UMASK,
        cwd=b"/",
        rlimits=(),
        env=env,
        source=source,
        devices=devices.ALL,
    )


def directory(facts: TargetFacts) -> bytes:
    """The directory of the process that is entered, as seen from its own root, which chroot(2) may have changed.

    Raises AgentError (code ``identity``) when it is outside that root.
    """
    above = facts.root.rstrip(b"/")
    if above and facts.cwd == above:
        return b"/"
    if not facts.root.startswith(b"/") or not facts.cwd.startswith(above + b"/"):
        raise AgentError(
            f"the directory {facts.cwd!r} of process {facts.inner_pid} is outside its root {facts.root!r}; "
            "nothing was started",
            code="identity",
        )
    return facts.cwd.removeprefix(above)


def granted(who: Identity, privileges: Privileges, facts: TargetFacts) -> tuple[str, ...]:
    """A line for each privilege on what the command got; ``who`` is the container's own identity."""
    lines = []
    if privileges.privileged:
        whose, where = "every capability of the helper pod", "root on the node in effect"
        if who.user_namespace:
            whose += ", but only in the container's own user namespace"
            where = "root of what belongs to the container, not of the node"
        lines.append(
            f"--privileged: the command is root with {whose}, without seccomp filter, labels and no_new_privs: "
            f"{where}{_taken_over(who, facts)}"
        )
    if privileges.host_tools:
        apart, danger = "", _taken_over(who, facts)
        if who.user_namespace:
            apart, danger = " but its users", ""
        lines.append(
            f"--host-tools: the command is the node's own and root there; only its namespaces{apart} are the "
            f"container's, whose root is {_root_of(facts)} ($NSEXEC_ROOT){danger}"
        )
    if privileges.user:
        gid = (
            "the gid of the container's /etc/passwd, else 0"
            if privileges.user.gid is None
            else f"gid {privileges.user.gid}"
        )
        lines.append(
            f"--user: the command is uid {privileges.user.uid} with {gid}, the groups of the pod and the container's "
            "capability sets"
        )
    if privileges.process is not None:
        what = "namespaces" if privileges.host_tools else "namespaces, root and directory"
        lines.append(f"--process: the command has the {what} of the container's process {facts.inner_pid}")
    return tuple(lines)


def _root_of(facts: TargetFacts) -> str:
    return f"/proc/{facts.inner_pid}/root"


def _taken_over(who: Identity, facts: TargetFacts) -> str:
    """Whoever may trace a stronger process has its rights (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS).

    That right ends with the user namespace: no process of one can trace the node's root.
    """
    if not who.bounding & _PTRACE or not facts.capabilities & ~who.bounding:
        return ""
    return "; the container has CAP_SYS_PTRACE, so its processes can take the command over"
