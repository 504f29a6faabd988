"""On the host node: containers that attack who comes in. Nothing of the node is theirs, and every session ends."""

from __future__ import annotations

import os
import re
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed import machine
from tests.live import who
from tests.live.pods import container, pod
from tests.live.processes import running

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that attacks (tests/live/hostile.c)."""
    return who.compiled("hostile", tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def hostile(shared_pods: Pods, kubectl: Program, host_node: str, attacker: Path) -> Pod:
    """A container that is root with the runtime's usual capabilities and CAP_SYS_PTRACE, and has the program."""
    security = {"capabilities": {"add": ["SYS_PTRACE"]}}
    made = shared_pods.start(pod("hostile", container(security=security), node=host_node))
    put = ("sh", "-c", "cat >/tmp/hostile; chmod 0755 /tmp/hostile")
    kubectl.ok("exec", "-i", made.name, "-n", made.namespace, "--", *put, stdin=attacker.read_bytes())
    return made


def test_devices_are_the_containers(nsexec: Program, kubectl: Program, hostile: Pod) -> None:
    """A device node of the container's own making opens for the command as it does for kubectl exec.

    The helper pod is privileged: what its cgroup allows would be the node's disks.
    """
    nodes = ("b 7 0", "c 1 11", "c 10 229", "c 10 237", "c 1 5", "c 1 9")
    tries = "; ".join(f"mknod /tmp/node {node}; /tmp/hostile open /tmp/node; rm /tmp/node" for node in nodes)
    look = (hostile.name, "-n", hostile.namespace, "--", "sh", "-c", f"{tries}; /tmp/hostile open /dev/null")
    assert nsexec.ok(*look) == kubectl.ok("exec", *look)
    assert nsexec.ok(hostile.name, "-n", hostile.namespace, "--", "/tmp/hostile", "open", "/dev/null") == (
        "read OPENED\nwrite OPENED\n"
    )


def test_the_started_process_has_nothing_to_take(nsexec: Program, kubectl: Program, hostile: Pod) -> None:
    """The container stops it at its birth and looks: pipes, a sealed program, no word of ours (CVE-2016-9962)."""
    inside = (hostile.name, "-n", hostile.namespace, "--", "sh", "-c")
    stalker = ("/tmp/hostile", "stalk", secrets.token_hex(4))
    kubectl.ok("exec", *inside, f"{' '.join(stalker)} >/tmp/report 2>&1 &")
    try:
        for _ in range(2):
            assert nsexec.ok(hostile.name, "-n", hostile.namespace, "--", "echo", "fine") == "fine\n"
    finally:
        # From the node: what kubectl exec starts would be stopped at its birth too, and runc 1.1 has much to take.
        for pid in running(*stalker):
            os.kill(pid, signal.SIGKILL)
    report = kubectl.ok("exec", *inside, "cat /tmp/report")
    for text in report.split("caught ")[1:]:
        if "shim enter" in text:
            found = [line.partition(" ")[::2] for line in text.splitlines()[1:]]
            assert all(value.startswith(("pipe:", "No such file")) for what, value in found if what == "had"), text
    assert "ESCAPED" not in report
    assert "WROTE" not in report


@pytest.mark.parametrize("mode", ["fork", "freeze orphaned"])
def test_a_container_that_is_busy_with_itself_can_be_looked_at_or_left(
    nsexec: Program, kubectl: Program, pods: Pods, host_node: str, attacker: Path, mode: str
) -> None:
    """A fork bomb (200 processes: its cgroup's limit) and one that stops whatever it sees.

    The command runs, or the run ends by its own time-out; either way nothing is left and the target can be deleted.
    """
    target = pods.start(pod("busy", node=host_node))
    inside = (target.name, "-n", target.namespace, "--", "sh", "-c")
    put = "cat >/tmp/hostile; chmod 0755 /tmp/hostile"
    kubectl.ok("exec", "-i", *inside, put, stdin=attacker.read_bytes())
    # os.walk: beside these tests folders of other pods vanish on the way.
    found = (Path(at) for top in machine.kubepods() for at, _, names in os.walk(top) if "pids.max" in names)
    folder = next(folder for folder in found if target.container_id in folder.name)
    (folder / "pids.max").write_text("200")
    kubectl.ok("exec", *inside, f"/tmp/hostile {mode} >/tmp/report 2>&1 &")
    done = nsexec(target.name, "-n", target.namespace, "--timeout", "10s", "--max-duration", "5s", "--", "echo", "fine")
    assert done.status in {0, 124, 125}, done.stderr
    assert done.stdout in {b"", b"fine\n"}
    if mode == "fork":
        assert done.stdout == b"fine\n", done.stderr  # the limit is the container's, not the command's


def test_a_faked_handshake_is_only_output(nsexec: Program, hostile: Pod) -> None:
    """Lines that look like ours, after the start: they are the command's own, as they are."""
    lines = 'n0nce {"event":"start","pid":1,"mask":"0","tty":""}\\n{"event":"error"}\\n\\033]0;title\\007\\n'
    done = nsexec(hostile.name, "-n", hostile.namespace, "-q", "--", "printf", lines)
    assert (done.status, done.stdout) == (0, lines.encode().decode("unicode_escape").encode())


def test_gigabytes_go_through_in_bounded_memory(nsexec: Program, hostile: Pod) -> None:
    """What the command prints without end is dropped by a reader that leaves, and the run ends then."""
    client = nsexec.start(hostile.name, "-n", hostile.namespace, "--", "cat", "/dev/zero")
    assert client.stdout is not None
    for _ in range(200):
        assert len(client.stdout.read(1 << 20)) == 1 << 20
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{client.pid}/status").read_text())
    client.stdout.close()
    assert client.wait(timeout=30) == 141
    assert peak
    assert int(peak[1]) < 200_000
    client.communicate()


def test_names_of_the_containers_choice_are_shown_and_not_obeyed(nsexec: Program, pods: Pods, host_node: str) -> None:
    """A working directory that is a terminal's escape sequence, and is gone: our message names it."""
    odd = "/tmp/\x1b]0;owned\x07"
    first = container(command=("sh", "-c", "rmdir /tmp/*owned*; trap 'exit 0' TERM; sleep 1000 & wait"), workingDir=odd)
    target = pods.start(pod("odd", first, node=host_node))
    done = nsexec(target.name, "-n", target.namespace, "--", "true")
    assert done.status == 125
    assert "\\x1b]0;owned\\x07" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.alone
def test_the_command_and_its_children_stay_on_their_cpus(
    nsexec: Program, pods: Pods, host_node: str, attacker: Path
) -> None:
    """Neither by affinity nor by a thread of io_uring, nor after setsid and the death of the parent."""
    target = pods.start(pod("pins", container(cpus=1), node=host_node))
    run = (target.name, "-n", target.namespace)
    nsexec.ok(*run, "-i", "--", "sh", "-c", "cat >/tmp/hostile; chmod 0755 /tmp/hostile", stdin=attacker.read_bytes())
    said = "before 0\naffinity Invalid argument\nio_uring Invalid argument\nafter 0\n"
    assert nsexec.ok(*run, "--", "/tmp/hostile", "pin", "1") == said
    daemon = "read _ </tmp/go; /tmp/hostile pin 1; echo >/tmp/done"
    script = f"mkfifo /tmp/go /tmp/done; sh -c '(setsid sh -c \"{daemon}\" &)'; echo >/tmp/go; read _ </tmp/done"
    assert nsexec.ok(*run, "--", "sh", "-c", script) == said
