"""``--via ssh`` on the real-time node: its own sshd, sudo, systemd and cgroup v2, beside a loop that owns its CPU."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final

import pytest

from kubectl_nsexec.cpuset import CpuSet
from testbed import rt_config, rt_valve, rt_vm
from tests.live import rt
from tests.live.pods import guaranteed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.rt_node, pytest.mark.usefixtures("nothing_left")]

_OWN_FAILURE: Final = 125
_GONE_WITHIN_SECONDS: Final = 30.0
_LEFT: Final = """ls -d /run/nsexec-* /sys/fs/cgroup/nsexec-* 2>/dev/null
systemctl list-units --all --plain --no-legend 'nsexec-*'
pgrep -a last-link; true"""


def _way(**settings: str) -> list[str]:
    """The words that lead ssh to the machine's forwarded port."""
    usual = {
        "HostName": "127.0.0.1",
        "Port": str(rt_vm.SSH_PORT),
        "IdentityFile": str(rt_vm.KEY),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "no",
        "BatchMode": "yes",
    }
    return [word for name, value in {**usual, **settings}.items() for word in ("--ssh-option", f"{name}={value}")]


@pytest.fixture
def by_ssh(nsexec: Program) -> Program:
    """``oc nsexec --via ssh``, as the user ``core``."""
    return dataclasses.replace(nsexec, argv=(*nsexec.argv, "--via", "ssh"))


@pytest.fixture
def clean() -> Iterator[None]:
    """After the test the node has no process, cgroup, unit or file of a session."""
    yield
    rt.wait_until_empty("of a session", lambda: rt.inside(_LEFT), time.monotonic() + _GONE_WITHIN_SECONDS)


@pytest.fixture
def target(pods: Pods, rt_node: str) -> Pod:
    """A pod that owns a CPU and leaves it idle."""
    return pods.start(guaranteed("target", node=rt_node))


@pytest.mark.usefixtures("clean")
def test_it_answers_beside_the_loop(pods: Pods, by_ssh: Program) -> None:
    """On the reserved CPUs, by sudo, with the command's own status; the loop keeps its priority."""
    with rt_valve.armed() as valve:
        loop = pods.start(rt.loop())
        script = f"{' '.join(rt.MASK)}; cat /proc/self/oom_score_adj; echo err >&2; exit 7"
        done = by_ssh(*rt.options(loop), *_way(), "--verify", "--", "sh", "-c", script)
        assert valve() == 1, "the loop was no longer at its priority"
    assert done.status == 7, done.stderr
    assert CpuSet.parse(done.text.split()[1]) == rt.RESERVED
    assert done.text.split()[2] == "1000"
    assert "cgroup v2" in done.stderr
    assert "err\n" in done.stderr
    assert rt_config.BANNER not in done.stderr


@pytest.mark.usefixtures("clean")
def test_the_mask_outlives_a_reload_of_systemd(by_ssh: Program, target: Pod) -> None:
    """The scope is systemd's own, so it keeps its CPUs; the session's folder in it is delegated."""
    words = [*rt.options(target), *_way(), "-i", "--", "sh", "-c", f"{' '.join(rt.MASK)}; read x; {' '.join(rt.MASK)}"]
    client = by_ssh.start(*words)
    assert client.stdout
    first = client.stdout.readline()
    assert first, client.communicate()[1].decode()
    rt.inside("systemctl daemon-reload")
    second, _ = client.communicate(b"x\n", timeout=180)
    assert [CpuSet.parse(line.split()[1].decode()) for line in (first, second)] == [rt.RESERVED] * 2
    assert client.returncode == 0


@pytest.mark.usefixtures("clean")
def test_a_killed_client_leaves_nothing(nsexec: Program, target: Pod) -> None:
    """kill -9: no process, no cgroup folder, no unit, no file."""
    argv = (*nsexec.argv, "--via", "ssh", *_way())
    with rt.Session(dataclasses.replace(nsexec, argv=argv), target) as session:
        assert session.mask == rt.RESERVED
        assert rt.inside(_LEFT)
        session.kill()


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("which", ["-o", "-n"])
def test_a_killed_guard_is_no_success_and_leaves_nothing(nsexec: Program, target: Pod, which: str) -> None:
    """kill -9 on the node of who clears up (the oldest) or who serves (the newest)."""
    argv = (*nsexec.argv, "--via", "ssh", *_way())
    with rt.Session(dataclasses.replace(nsexec, argv=argv), target) as session:
        rt.inside(f"pkill -KILL {which} -f '^/run/nsexec-[^ ]*/last-link guard'")
        _, errors = session.client.communicate(timeout=120)
        assert session.client.returncode == _OWN_FAILURE
        assert b"is not known" in errors


def test_a_user_without_sudo_is_told_so(by_ssh: Program, target: Pod) -> None:
    """sudo is never left to ask for a password; the banner may say why."""
    done = by_ssh(*rt.options(target), *_way(), "--ssh-user", rt_config.STRANGER, "--", "true")
    assert done.status == _OWN_FAILURE
    assert "does not become root without a password" in done.stderr
    assert rt_config.BANNER in done.stderr


def test_root_needs_no_sudo(by_ssh: Program, target: Pod) -> None:
    """--ssh-user root."""
    assert by_ssh(*rt.options(target), *_way(), "--ssh-user", "root", "--", "true").status == 0


def test_a_refused_host_key_and_a_slow_login_are_told(by_ssh: Program, target: Pod) -> None:
    """In ssh's own words, and by the flag that gives it longer."""
    refused = by_ssh(*rt.options(target), *_way(StrictHostKeyChecking="yes"), "--", "true")
    assert (refused.status, "Host key verification failed." in refused.stderr) == (_OWN_FAILURE, True)
    slow = by_ssh(*rt.options(target), *_way(ProxyCommand="sleep 100"), "--timeout", "3s", "--", "true")
    assert (slow.status, "within 3s" in slow.stderr) == (_OWN_FAILURE, True)
