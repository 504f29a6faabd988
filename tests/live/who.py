"""All kinds of containers, and the report by which two commands in one are told apart: who each of them is."""

from __future__ import annotations

import difflib
import json
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from testbed import images, rt_config
from testbed.paths import RT_NODE
from tests.live import compiler
from tests.live.pods import container, pod
from tests.live.terminals import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.live.harness import Pods, Program
    from tests.live.pods import Json, Pod

REPORT: Final = """
grep -vE '^(Name|Tgid|.*[Pp]id|NS.*|Ngid|Cpus_.*|Mems_.*|Vm.*|Rss.*|.*_ctxt_switches|Hugetlb.*|State|SigQ|THP.*):' \
    /proc/self/status
id
env
pwd
umask
ulimit -a
ulimit -Ha
for fd in 0 1 2 3 4 5 6 7 8 9 10; do [ ! -e /proc/$$/fd/$fd ] || echo "descriptor $fd"; [ ! -t $fd ] || echo tty; done
tty
cat /proc/self/attr/current /proc/self/loginuid 2>/dev/null
cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
for fd in 0 1 2; do stat -L -c 'stream of %u:%g, mode %a' /proc/self/fd/$fd; done
ls -ln /proc/self/fd 2>/dev/null | sed -n 's/^\\(l[^ ]*\\) .* \\([0-9]* -> [a-z/]*\\).*/\\1 \\2/p'
echo by name >/dev/stdout
for kind in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$kind; done
[ ! -x /probe/probe ] || /probe/probe
"""
"""/probe/probe (probe.c) is where a fixture has put it."""

LOCALHOST_PROFILE: Final = "nsexec-test.json"
"""In the kubelet's folder ``seccomp``: refuses one call with a number of its own, and one by an argument."""
PROFILE: Final[Json] = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18},
        {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_EQ"}]},
    ],
}

EXEC_SECONDS: Final = 300.0

GROUPS: Final = {"fsGroup": 3000, "supplementalGroups": [4000, 5000]}
"""They decide on file access, and are the first thing that nsenter loses."""

LONG_SLEEP: Final = "exec sleep 100000"
WHO: Final[dict[str, dict[str, Any]]] = {
    "root": {},
    "root without capabilities": {"security": {"capabilities": {"drop": ["ALL"]}}},
    "root with more capabilities": {"security": {"capabilities": {"add": ["NET_ADMIN", "SYS_PTRACE"]}}},
    "user 1000": {"security": {"runAsUser": 1000}},
    "user 1000 with one capability and no new privileges": {
        "security": {
            "runAsUser": 1000,
            "runAsGroup": 2000,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
        }
    },
    "a user without a name": {"security": {"runAsUser": 54321, "runAsGroup": 54321}},
    "root under the runtime's seccomp profile": {"security": {"seccompProfile": {"type": "RuntimeDefault"}}},
    "root with SYS_ADMIN under the runtime's profile": {
        "security": {"seccompProfile": {"type": "RuntimeDefault"}, "capabilities": {"add": ["SYS_ADMIN"]}}
    },
    "user 1000 under the runtime's seccomp profile": {
        "security": {
            "runAsUser": 1000,
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    },
    "a seccomp profile of the node's": {
        "security": {"seccompProfile": {"type": "Localhost", "localhostProfile": LOCALHOST_PROFILE}}
    },
    "no seccomp profile": {"security": {"seccompProfile": {"type": "Unconfined"}}},
    "a read-only root filesystem": {"security": {"readOnlyRootFilesystem": True}},
    "a working directory and variables": {
        "workingDir": "/tmp",
        "env": [
            {"name": "LINES", "value": "one\ntwo = three\n"},
            {"name": "EMPTY", "value": ""},
            {"name": "QUOTES", "value": 'it\'s "$$(x)"'},
            {"name": "HOME", "value": "/elsewhere"},
        ],
    },
    "an init that changed its environment, directory and limits": {
        "command": [
            "sh",
            "-c",
            f"export LEAK=1 PATH=/nowhere; unset HOSTNAME; ulimit -n 64; umask 077; cd /; {LONG_SLEEP}",
        ]
    },
    "an init that gave up its rights": {"command": ["su", "worker", "-s", "/bin/sh", "-c", LONG_SLEEP]},
    "privileged": {"security": {"privileged": True}},
}
SIDECAR: Final = "sidecar"


def everybody(
    pods: Pods,
    kubectl: Program,
    probe: Path,
    node: str,
    *,
    name: str = "everybody",
    kinds: Iterable[str] = WHO,
    **spec: object,
) -> Pod:
    """Start one pod with a container for each of KINDS (see :func:`name_of`) and a sidecar, the probe within reach.

    ``kinds``: of WHO, "root" among them; ``spec``: more of the pod's.
    """
    mounts = [{"name": "probe", "mountPath": "/probe"}]
    containers = [
        container(name=name_of(who), volumeMounts=mounts, **({"command": ["sh", "-c", LONG_SLEEP]} | options))
        for who, options in ((kind, WHO[kind]) for kind in kinds)
    ]
    sidecar = container(name=SIDECAR, command=["sh", "-c", LONG_SLEEP], volumeMounts=mounts, restartPolicy="Always")
    volumes = [{"name": "probe", "emptyDir": {}}]
    made = pods.start(pod(name, *containers, node=node, initContainers=[sidecar], volumes=volumes, **spec))
    where = ("exec", "-n", made.namespace, made.name, "-c", name_of("root"), "-i", "--")
    kubectl.ok(*where, "sh", "-c", "cat >/probe/probe && chmod 0755 /probe/probe", stdin=probe.read_bytes())
    return made


def add_debugger(kubectl: Program, target: Pod) -> str:
    """Add an ephemeral container as ``kubectl debug`` does, wait until it runs, and return its name."""
    name, where = "debugger", ("-n", target.namespace)
    added = ("--image", images.BUSYBOX, f"--container={name}", "--profile=general", "--image-pull-policy=IfNotPresent")
    kubectl.ok("debug", *where, target.name, *added, "--", "sleep", "100000")
    running = "jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}"
    kubectl.ok("wait", *where, f"pod/{target.name}", f"--for={running}", "--timeout=300s")
    return name


def name_of(who: str) -> str:
    """The container of the kind WHO."""
    return f"c{list(WHO).index(who)}"


def _without_glibcs_signals(report: str) -> str:
    """Without 32 and 33 among the signals ignored, which posix_spawn(3) leaves so or not in what make(1) starts."""
    return re.sub(r"(?m)^SigIgn:\t(\w+)$", lambda found: f"SigIgn:\t{int(found[1], 16) & ~(3 << 31):016x}", report)


def _by_crun(target: Pod) -> bool:
    return target.node == RT_NODE and rt_config.distribution().oci_runtime == "crun"


def _whoever_has_null(report: str) -> str:
    """Without the owner of /dev/null: crun 1.21 gives the node's own to the user of all that it starts.

    In a user namespace it is root's or nobody's, as another container's start or exec has just left it
    (https://github.com/containers/crun/pull/1847).
    """
    return re.sub(r"(?m)^stream of \d+:\d+, mode 666$", "stream of the node, mode 666", report)


_OF_THE_NODE: Final = re.compile(r"(?m)^ +0 +0 +4294967295$")
"""All ids are the node's own (user_namespaces(7), uid_map)."""
_NOT_BY_NAME: Final = "/bin/sh: can't create /dev/stdout: Permission denied\n"


def _as_by_its_runtime(report: str, target: Pod) -> tuple[str, str]:
    """Ours, and what sh says of it, as the target's runtime would have made its streams: CRI-O makes them otherwise.

    Over runc, without stdin, its is a pipe that has ended, ours /dev/null, and the group of its streams is root's. Over
    crun, in a user namespace of the pod's own, its streams are nobody's there, and cannot be opened by name.
    """
    if target.runtime != "cri-o":
        return report, ""
    if _by_crun(target):
        if _OF_THE_NODE.search(report):
            return report, ""
        changed, number = re.subn(r"(?m)^stream of \d+:\d+, mode 600$", "stream of 65534:65534, mode 600", report)
        assert number == 2, report
        return changed.replace("by name\n", "", 1), _NOT_BY_NAME
    null, pipe = re.escape("lr-x------ 0 -> /dev/null"), "lr-x------ 0 -> pipe"
    streams = r"stream of \d+:\d+, mode 666\n(stream of .*)(\n(?:.*\n)*)"
    changed, number = re.subn(rf"(?m)^{streams}{null}$", rf"\1\n\1\2{pipe}", report)
    assert number == 1, report
    return re.sub(r"(?m)^(stream of \d+):\d+, mode 600$", r"\1:0, mode 600", changed), ""


def compare(kubectl: Program, nsexec: Program, target: Pod, container: str = "main", *, by_runtime: bool = True) -> str:
    """Both reports, which must be equal; return ours.

    ``by_runtime``: ours comes by the runtime too, so that what that hands down is the same.
    """
    where = (target.name, "-n", target.namespace, "-c", container, "--", "/bin/sh", "-c", REPORT)
    with kubectl.start("exec", *where) as exec_:  # at once, for on an emulated machine each takes seconds
        done = nsexec(*where)
        theirs, errors = exec_.communicate(timeout=EXEC_SECONDS)
    expected, words = _as_by_its_runtime(done.text, target)
    reports = [expected, theirs.decode(errors="surrogateescape")]
    if not by_runtime:
        reports = [_without_glibcs_signals(report) for report in reports]
    if _by_crun(target):
        reports = [_whoever_has_null(report) for report in reports]
    ours, their = (report.splitlines() for report in reports)
    assert ours == their, "\n".join(difflib.unified_diff(ours, their, "oc nsexec", "kubectl exec", lineterm="", n=1))
    ended, theirs_ended = (done.stderr + words, done.status), (errors.decode(), exec_.returncode)
    assert ended == theirs_ended, (ended, theirs_ended)
    return done.text


def compare_on_terminals(kubectl: Program, nsexec: Program, target: Pod, container: str = "main") -> str:
    """The same with a terminal for each, whose number does not count: the runtime keeps the last one for a moment."""
    where = (target.name, "-n", target.namespace, "-c", container, "-it", "--", "/bin/sh", "-c", REPORT)
    theirs, ours = (
        re.sub(r"/dev/pts/\d+", "/dev/pts/N", text)
        for text in (shown(kubectl, "exec", *where), shown(nsexec, "-q", *where))
    )
    assert ours.splitlines() == theirs.splitlines()
    return ours


def compiled_probe(folder: Path) -> Path:
    """Compile probe.c as a static program."""
    return compiled("probe", folder)


def compiled(name: str, folder: Path) -> Path:
    """Compile NAME.c beside this file as a static program, for this machine and whatever is in a container."""
    flags = ("-target", f"{platform.machine()}-linux-musl", "-Os", "-static", "-s", "-Wall", "-Werror")
    return compiler.compiled(folder / name, [Path(__file__).with_name(f"{name}.c")], [*compiler.ZIG, *flags])


def profile_text() -> str:
    """The file that LOCALHOST_PROFILE names."""
    return json.dumps(PROFILE)
