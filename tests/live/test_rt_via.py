"""``--via ssh`` and ``local`` on the real-time node: its own sshd, sudo, systemd and cgroup v2, beside a loop as well.

What does not depend on the node, or does not differ on this one, is in test_host_via.py.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from testbed import rt_config, rt_valve
from tests.live import rt, rt_ways, vias, who
from tests.live.pods import guaranteed
from tests.live.processes import within
from tests.live.vias import OWN_FAILURE, Session, guards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.rt_node, pytest.mark.usefixtures("only_sessions", "nothing_left")]

_ISOLATED = CpuSet.parse(rt_config.ISOLATED)
_GONE_WITHIN_SECONDS = 30.0


@pytest.fixture(scope="module")
def target(shared_pods: Pods, rt_node: str) -> Pod:
    """A pod that owns a CPU and leaves it idle."""
    return shared_pods.start(guaranteed("via", node=rt_node))


@pytest.fixture
def by_ssh(nsexec: Program) -> Program:
    """``oc nsexec --via ssh``."""
    return rt_ways.by_ssh(nsexec)


@pytest.fixture
def by_local(client: None) -> Program:
    """``oc nsexec --via local``, on the node."""
    assert client is None
    return rt_ways.by_local()


@pytest.fixture
def nothing_stays(only_sessions: None) -> Iterator[None]:
    """After the test nothing of a session is left on the node: file, cgroup folder, scope."""
    assert only_sessions is None
    with vias.nothing_stays(rt.inside, _GONE_WITHIN_SECONDS):
        yield


def _on(program: Program, target: Pod) -> Program:
    return dataclasses.replace(program, argv=(*program.argv, *rt.options(target)))


@pytest.mark.alone
@pytest.mark.kernel
@pytest.mark.usefixtures("nothing_stays")
def test_it_answers_beside_the_loop(pods: Pods, by_ssh: Program) -> None:
    """On the reserved CPUs, by a login and sudo, while a loop at SCHED_FIFO has the container's CPU."""
    with rt_valve.armed() as valve:
        run = _on(by_ssh, pods.start(rt.loop()))
        done = run("--verify", "--", "sh", "-c", f"{' '.join(rt.MASK)}; cat /proc/self/oom_score_adj; exit 7")
        assert valve.calm() == 1, "the loop was no longer at its priority"
    assert done.status == 7, done.stderr
    assert CpuSet.parse(done.text.split()[1]) == rt.RESERVED
    assert done.text.split()[2] == "1000"
    assert "cgroup v2" in done.stderr


@pytest.mark.usefixtures("nothing_stays")
def test_nothing_widens_its_mask(by_ssh: Program, target: Pod) -> None:
    """Neither the command itself nor systemd, whose scope it is in, when it reads its units anew."""
    vias.stays_on(_on(by_ssh, target), rt.RESERVED, _ISOLATED, lambda: rt.inside("systemctl daemon-reload"))


@pytest.mark.parametrize("way", ["by_ssh", "by_local"])
def test_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, target: Pod, request: pytest.FixtureRequest, way: str
) -> None:
    """Line by line, namespaces included; so it is who it is by a helper pod, which has to show the same."""
    who.compare(kubectl, request.getfixturevalue(way), target, by_runtime=False)


def test_streams_and_status_are_the_commands(by_ssh: Program, target: Pod) -> None:
    """Also that which ssh has for its own failures; the banner is not shown."""
    vias.shows_streams_and_status(_on(by_ssh, target), 255, rt_config.BANNER)


def test_stdin_and_its_end_arrive(by_ssh: Program, target: Pod) -> None:
    """More than any buffer takes, both ways at once, and end of file."""
    vias.takes_stdin_and_its_end(_on(by_ssh, target), size_bytes=1_000_000)


def test_the_terminal_is_the_containers_own(by_ssh: Program, target: Pod) -> None:
    """Size, name and Ctrl-C."""
    vias.has_a_terminal_of_the_container(_on(by_ssh, target))


@pytest.mark.usefixtures("nothing_stays")
def test_two_at_once_do_not_know_of_each_other(by_ssh: Program, by_local: Program, target: Pod) -> None:
    """One by ssh, one from the node itself; each is pinned, and the first one's end is not the other's."""
    with Session(_on(by_local, target), rt.inside) as local:
        with Session(_on(by_ssh, target), rt.inside) as ssh:
            assert (local.mask, ssh.mask) == (rt.RESERVED, rt.RESERVED)
            assert len(guards(rt.inside)) == 4
        assert within(_GONE_WITHIN_SECONDS, lambda: not ssh.pids())
        # kill -9 of the client itself: what leads to it from here is not its parent.
        assert local.pids()
        vias.kill(rt.inside, *vias.processes_with(rt.inside, "kubectl_nsexec"))
        local.ended()
        assert within(_GONE_WITHIN_SECONDS, lambda: not local.pids())


@pytest.mark.usefixtures("nothing_stays")
def test_a_killed_client_leaves_nothing(by_ssh: Program, target: Pod) -> None:
    """kill -9: no process, no scope, no cgroup folder, no file."""
    with Session(_on(by_ssh, target), rt.inside) as session:
        made = vias.traces(rt.inside)
        assert {line.split("nsexec-")[0] for line in made} >= {"/run/", "/sys/fs/cgroup/", ""}, made
        session.client.kill()
        assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_guard_is_no_success_and_leaves_nothing(by_ssh: Program, target: Pod, which: int) -> None:
    """kill -9 of either of its processes on the node."""
    with Session(_on(by_ssh, target), rt.inside) as session:
        vias.kill(rt.inside, guards(rt.inside)[which])
        session.ends_without_a_word(_GONE_WITHIN_SECONDS)


@pytest.mark.usefixtures("nothing_stays")
def test_a_cut_connection_is_no_success_and_leaves_nothing(by_ssh: Program, target: Pod) -> None:
    """The server's process for it is killed, which has had a program of its own since OpenSSH 9.8."""
    of_the_login = rf"sshd\(-session\)\?: {rt_config.SUDOER}.*"
    with Session(_on(by_ssh, target), rt.inside) as session:
        vias.kill(rt.inside, *vias.processes_with(rt.inside, of_the_login))
        session.ends_without_a_word(_GONE_WITHIN_SECONDS)


def test_a_user_without_sudo_is_told_so(by_ssh: Program, target: Pod) -> None:
    """sudo is never left to ask for a password; the banner may say why."""
    done = _on(by_ssh, target)("--ssh-user", rt_config.STRANGER, "--", "true")
    assert done.status == OWN_FAILURE
    assert "does not become root without a password" in done.stderr
    assert rt_config.BANNER in done.stderr


def test_root_needs_no_sudo_and_a_slow_login_is_waited_for(nsexec: Program, target: Pod) -> None:
    """--ssh-user root, by a connection that comes late."""
    slow = rt_ways.by_ssh(nsexec, ProxyCommand="sh -c 'sleep 2; exec busybox nc %h %p'")
    assert _on(slow, target)("--ssh-user", "root", "--", "true").status == 0


def test_a_refused_host_key_is_told_in_sshs_words(nsexec: Program, target: Pod) -> None:
    """And how to try it by hand."""
    done = _on(rt_ways.by_ssh(nsexec, StrictHostKeyChecking="yes"), target)("--", "true")
    assert done.status == OWN_FAILURE
    assert "Host key verification failed." in done.stderr
    assert "Next: try it by hand: ssh " in done.stderr
