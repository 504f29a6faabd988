"""``--via local`` and ``--via ssh``, on this machine, which is the host node: no helper pod, else all the same."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.node import agent_script, shim
from testbed import host_kubelet
from testbed.paths import HOST_NODE
from testbed.sshd import BANNER, Sshd
from tests.live import vias, who
from tests.live.pods import guaranteed
from tests.live.processes import running, unique_seconds
from tests.live.vias import OWN_FAILURE, Session, guards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

_RESERVED = CpuSet.parse(host_kubelet.RESERVED)
_GONE_WITHIN_SECONDS = 10.0
_LOCAL = {"NSEXEC_VIA": "local"}


@pytest.fixture(scope="module")
def target(shared_pods: Pods) -> Pod:
    """A pod that owns a CPU."""
    return shared_pods.start(guaranteed("via", node=HOST_NODE))


@pytest.fixture
def run(nsexec: Program, way: Mapping[str, str], target: Pod) -> Program:
    """``oc nsexec`` by that way on the target: ``run("--", "id")``."""
    return _on(nsexec, way, target)


def _on(nsexec: Program, way: Mapping[str, str], target: Pod) -> Program:
    argv = (*nsexec.argv, target.name, "-n", target.namespace)
    return dataclasses.replace(nsexec, argv=argv, environment={**nsexec.environment, **way})


def _inside(script: str) -> str:
    return subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=False).stdout


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """After the test nothing of a session is left on this machine."""
    with vias.nothing_stays(_inside, _GONE_WITHIN_SECONDS):
        yield


def test_the_command_is_on_the_reserved_cpus_and_who_it_is_with_exec(
    nsexec: Program, run: Program, kubectl: Program, way: Mapping[str, str], target: Pod
) -> None:
    """Only the mask differs, which it cannot widen, and the kernel takes it first where memory is short."""
    # -q: with ssh a warning tells where this machine's sshd is.
    quiet = dataclasses.replace(nsexec, argv=(*nsexec.argv, "-q"), environment={**nsexec.environment, **way})
    who.compare(kubectl, quiet, target, by_runtime=False)
    vias.stays_on(run, _RESERVED, CpuSet.parse(host_kubelet.isolated()))
    assert run("--", "cat", "/proc/self/oom_score_adj").text == "1000\n"


def test_the_terminal_is_the_containers_own(run: Program) -> None:
    """Size, name and Ctrl-C as with a helper pod; ssh itself has none."""
    vias.has_a_terminal_of_the_container(run)


def test_more_power_is_given_in_the_same_way(run: Program) -> None:
    """--host-tools, --privileged, --user, --process and --verify."""
    node = run("--host-tools", "-q", "--", "sh", "-c", "cat /etc/hostname; readlink /proc/1/ns/net /proc/self/ns/net")
    names = node.text.split()
    assert (node.status, names[0], names[1] == names[2]) == (0, Path("/etc/hostname").read_text().strip(), True)
    assert run("--user", "1234:77", "-q", "--", "id", "-u").text == "1234\n"
    assert run("--privileged", "-q", "--", "grep", "CapEff", "/proc/self/status").text.split()[1].endswith("fff")
    assert run("--process", "1", "-q", "--", "true").status == 0
    proof = run("--verify").text
    assert f"CMD'S MASK      {_RESERVED} " in proof


@pytest.mark.usefixtures("nothing_stays")
def test_what_the_command_leaves_in_the_background_ends_with_it(run: Program) -> None:
    """Though it holds the streams open."""
    seconds = unique_seconds()
    assert run("--", "sh", "-c", f"sleep {seconds} & echo on").stdout == b"on\n"
    assert not running("sleep", seconds)


@pytest.fixture
def session(run: Program) -> Iterator[Session]:
    """A command that runs."""
    with Session(run, _inside) as made:
        yield made


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_guard_is_no_success_and_leaves_nothing(session: Session, which: int) -> None:
    """kill -9 of either of its processes on the node: the command ends, and the client does not know how."""
    vias.kill(_inside, guards(_inside)[which])
    session.ends_without_a_word(_GONE_WITHIN_SECONDS)


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("stage", ["nothing sent", "deaf", "held"])
def test_a_client_that_goes_before_the_command_leaves_nothing(nsexec: Program, target: Pod, stage: str) -> None:
    """Before the shim is there, before it hears that it is, and before it says go."""
    printed = _on(nsexec, _LOCAL, target)("--dry-run=client", "--", "true").text
    with subprocess.Popen(shlex.split(printed), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdin
        assert agent.stdout
        agent.stdin.write(agent_script().encode())
        agent.stdin.flush()
        assert agent.stdout.readline() == b"\n"
        assert agent.stdout.readline().endswith(b" ready\n")
        if stage == "deaf":
            agent.stdout.close()
        if stage != "nothing sent":
            agent.stdin.write(shim("amd64"))
            agent.stdin.flush()
        if stage == "held":
            assert b'"event":"held"' in agent.stdout.readline()
        agent.stdin.close()
        agent.wait(30)


def test_a_refused_host_key_is_told_in_sshs_words(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """And how to try it by hand."""
    sshd.configure(UserKnownHostsFile="/dev/null", BatchMode="yes")
    done = _on(nsexec, sshd.environment, target)("--", "true")
    assert done.status == OWN_FAILURE
    assert "Host key verification failed." in done.stderr
    assert "Next: try it by hand: ssh " in done.stderr


def test_a_refused_login_shows_the_banner(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """It may say why."""
    sshd.configure(IdentityFile="/dev/null", BatchMode="yes")
    done = _on(nsexec, sshd.environment, target)("--", "true")
    assert done.status == OWN_FAILURE
    assert BANNER in done.stderr
    assert "Permission denied" in done.stderr


def test_a_slow_login_counts_against_the_timeout(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """The connection never comes; the error names the flag."""
    sshd.configure(ProxyCommand="sleep 1000")
    began = time.monotonic()
    done = _on(nsexec, sshd.environment, target)("--timeout", "2s", "--", "true")
    assert done.status == OWN_FAILURE
    assert "did not start the command within 2s" in done.stderr
    assert "--timeout" in done.stderr
    assert time.monotonic() - began < 60


@pytest.mark.usefixtures("nothing_stays")
def test_options_and_a_shared_connection_are_the_users(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """ControlMaster with ControlPersist: the second run goes through the first one's connection, and neither hangs."""
    sshd.configure(Port="1")
    socket = sshd.folder / "c"
    sharing = ("ControlMaster=auto", f"ControlPath={socket}", "ControlPersist=60", f"Port={sshd.port}")
    options = [word for setting in sharing for word in ("--ssh-option", setting)]
    run = _on(nsexec, sshd.environment, target)
    try:
        for _ in range(2):
            done = run(*options, "--", "sh", "-c", "echo out; exit 3")
            assert (done.status, done.stdout) == (3, b"out\n"), done.stderr
            assert socket.exists()
    finally:
        ssh = str(sshd.folder / "bin/ssh")
        subprocess.run([ssh, "-O", "exit", "-o", f"ControlPath={socket}", "x"], check=False, capture_output=True)


def test_dry_run_prints_what_would_be_run(run: Program, way: Mapping[str, str]) -> None:
    """And runs nothing."""
    done = run("--dry-run=client", "--", "true")
    assert done.status == 0
    assert done.text.startswith("ssh -T " if way["NSEXEC_VIA"] == "ssh" else "/bin/sh -c ")


def test_without_a_kubeconfig_local_says_what_it_is_for(nsexec: Program) -> None:
    """A node's root has none."""
    environment = {**os.environ, "KUBECONFIG": "", "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-m", "kubectl_nsexec", "p", "--via", "local", "--", "true"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert nsexec
    assert done.returncode == 1
    assert "--via local asks the API server for the pod, too" in done.stderr
