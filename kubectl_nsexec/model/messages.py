"""What the node answers: the agent's events, decoded (docs/reference/protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kubectl_nsexec.model.cpuset import CpuSet


class Held(NamedTuple):
    """The helper's main process stands on ``mask``, has the shim in place and holds the lease."""

    mask: CpuSet
    cgroup: str
    """``v1`` or ``v2``."""
    pin: str
    """``folder``: a cpuset folder in the helper pod's own cgroup."""


class NodeFile(NamedTuple):
    """A file of the node that mentions CPUs."""

    of: str
    """Whose it is: ``crio``, ``pinning`` or ``kubelet``."""
    path: str
    """As its reader on the node names it."""
    data: bytes | None
    """None: it is there, and cannot be read or is one too many."""


class NodeFiles(NamedTuple):
    """What the node's own files say about CPUs, not yet understood."""

    files: tuple[NodeFile, ...] = ()
    kubelet_flags: bytes = b""
    """/proc/PID/cmdline of the running kubelet; empty where it could not be told which process that is."""


class FolderCpus(NamedTuple):
    """The cgroup folder of a container, or of its pod, that is allowed some of the CPUs only (cpuset.cpus)."""

    cpus: CpuSet
    path: str


class Claims(NamedTuple):
    """What the node says of CPUs that may be somebody's own, not yet judged. None: there is no such file."""

    isolated: CpuSet | None = None
    """By the kernel's command line (isolcpus)."""
    nohz_full: CpuSet | None = None
    partitions: CpuSet | None = None
    """By cpuset partitions (cgroup v2)."""
    folders: tuple[FolderCpus, ...] = ()
    """Of every container on the node but helpers of ours; of several with the same CPUs one."""
    cores: tuple[CpuSet, ...] = ()
    """The CPUs of each core that has more than one (thread_siblings_list)."""
    pool: CpuSet | None = None
    """The cpuset that the helper's container, which was promised nothing, was made with; None or empty for none."""


class NodeLook(NamedTuple):
    """The helper's main process has looked round and waits to be told its CPUs."""

    mask: CpuSet
    """Where it stands: in the kubelet's shared pool."""
    online: CpuSet
    cpu_manager_state: bytes
    sources: NodeFiles
    claims: Claims


class TargetFacts(NamedTuple):
    """What the agent found before anything was entered. Bytes are ``b""`` where the node's file is unreadable."""

    pid: int
    """The host's number of the process that is entered: the container's init, unless --process names another."""
    inner_pid: int
    """Its number in its own PID namespace."""
    entry_mask: CpuSet
    """Where the agent itself stood at its first look."""
    mask: CpuSet
    """Where it stands now, and where the command will."""
    target_mask: CpuSet
    """Cpus_allowed_list of the container's init."""
    online: CpuSet
    pin: str
    cgroup: str
    spec: bytes
    """The runtime's config.json of the container (OCI runtime specification)."""
    status: bytes
    """/proc/PID/status and environ of the container's init."""
    environ: bytes
    limits: bytes
    """/proc/PID/limits of the first process's parent, the runtime's own."""
    cwd: bytes
    """Where the entered process works, as its mount namespace sees it."""
    root: bytes
    """What it has for its root directory, likewise; only with --process."""
    capabilities: int
    """What the agent may itself, as a bit mask."""
    cpu_manager_state: bytes
    """The kubelet's checkpoint, JSON."""
    sources: NodeFiles = NodeFiles()
    claims: Claims = Claims()
    crun: bool = False
    """Whether the container's runtime is crun."""
    label: bytes = b""
    """What AppArmor calls the container's init: a label and its mode (``attr/apparmor/current``, proc(5))."""
    crun_filter: bytes = b""
    """The seccomp filter that crun compiled for the container; empty without one, and where the runtime is another."""
    devices_list: bytes = b""
    """What the container's own device cgroup allows (``devices.list``); empty on cgroup v2, which has no such list."""


class SurveyBegun(NamedTuple):
    """The agent looks at containers of its node from outside, and this is what it sees of the node."""

    node: NodeLook
    cgroup: str
    """``v1`` or ``v2``."""
    release: str
    """The kernel's (uname(2)); empty where it cannot be read."""
    rt_runtime_us: int | None
    """``sched_rt_runtime_us`` (sched(7)): of each second what real-time threads may have; -1: all; None: not known."""
    stalld: bool
    """Whether stalld runs, as a service of systemd."""


class ContainerSeen(NamedTuple):
    """One of the containers that were asked for."""

    id: str
    missing: str
    """Why it could not be looked at; empty where it could."""
    cpus: CpuSet
    """What its cgroup folder is allowed, in effect."""
    exec_folder: CpuSet | None
    """What CRI-O's folder for execs in it is allowed; None without one."""
    affinity: bytes
    """``"execCPUAffinity":{…}`` as the runtime's config.json has it; empty without one."""
    processes: tuple[int, ...]


class ThreadsSeen(NamedTuple):
    """The kernel's words about all threads of some processes, each line with ``PID/task/TID/FILE:`` before it."""

    look: int
    """1 or 2: each process is looked at twice."""
    uptime_seconds: float
    stat: bytes
    """Of ``stat`` and ``schedstat``."""
    status: bytes
    """The lines ``Cpus_allowed_list``."""


class Surveyed(NamedTuple):
    """Nothing more comes."""


class Started(NamedTuple):
    """The command is next: ``pid`` is its number on the host, ``mask`` what the kernel allows it."""

    pid: int
    mask: CpuSet
    tty: str = ""
    """Whose /dev/pts its terminal is of, ``container``, ``node`` or ``helper``; empty when it has none."""


class AgentFailure(NamedTuple):
    """The node refused or could not go on; nothing of the command ran. ``code`` is stable."""

    code: str
    message: str
