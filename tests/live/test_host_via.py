"""``--via local`` and ``--via ssh``, on this machine, which is the host node: no helper pod, else all the same."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from kubectl_nsexec.cpuset import CpuSet
from kubectl_nsexec.node import agent_script, last_link
from testbed import host_kubelet
from testbed.paths import HOST_NODE, KUBECONFIG
from tests.live.pods import guaranteed
from tests.live.processes import running, unique_seconds, within
from tests.live.sshd import BANNER, Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_RESERVED = CpuSet.parse(host_kubelet.RESERVED)
_OWN_FAILURE = 125
_GONE_WITHIN_SECONDS = 10.0
_LOCAL = {"NSEXEC_VIA": "local"}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server that lets root in, and a user whose configuration leads to it."""
    with Sshd(tmp_path_factory.mktemp("sshd")).running() as server:
        yield server


@pytest.fixture(params=["local", "ssh"])
def way(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """The environment of either way."""
    if request.param == "local":
        return _LOCAL
    server: Sshd = request.getfixturevalue("sshd")
    server.configure()
    return server.environment


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


def _traces() -> set[str]:
    """What a session makes on the node."""
    tops = ("/run", "/sys/fs/cgroup", "/sys/fs/cgroup/cpuset")
    return {str(path) for top in tops for path in Path(top).glob("nsexec-*")}


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """After the test nothing of a session is left on this machine."""
    before = _traces()
    yield
    assert within(_GONE_WITHIN_SECONDS, lambda: _traces() <= before), _traces() - before


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("status", [0, 7, 125, 255])
def test_streams_and_status_are_the_commands(run: Program, status: int) -> None:
    """255, which ssh has for its own failures, and 125, which we have for ours, are the command's when it says them."""
    done = run("--", "sh", "-c", f"echo out; echo err >&2; exit {status}")
    assert (done.status, done.stdout) == (status, b"out\n")
    ending = f"command terminated with exit code {status}\n" if status else ""
    assert done.stderr.endswith(f"err\n{ending}"), done.stderr
    assert BANNER not in done.stderr


def test_the_command_is_on_the_reserved_cpus_and_who_it_is_with_exec(
    run: Program, kubectl: Program, target: Pod
) -> None:
    """Mask, ids, groups, environment, directory, limits, capabilities, mounts: only the first differs."""
    script = "id; env | sort; pwd; ulimit -a; grep -E 'Cap|Uid|Gid|Groups|NoNewPrivs|Seccomp:' /proc/self/status"
    ours = run("--", "sh", "-c", script)
    assert ours.status == 0, ours.stderr
    assert ours.text == kubectl.ok("exec", "-n", target.namespace, target.name, "--", "sh", "-c", script)
    mask = run("--", "grep", "Cpus_allowed_list", "/proc/self/status").text.split()[1]
    assert CpuSet.parse(mask) == _RESERVED
    assert run("--", "cat", "/proc/self/oom_score_adj").text == "1000\n"


def test_stdin_and_its_end_arrive(run: Program) -> None:
    """More than any buffer takes, both ways at once, and end of file."""
    data = os.urandom(5_000_000)
    assert run("-i", "--", "sha256sum", stdin=data).text.split()[0] == hashlib.sha256(data).hexdigest()
    assert run("-i", "--", "cat", stdin=data).stdout == data
    assert run("--", "cat", stdin=b"x").stdout == b""


def test_the_terminal_is_the_containers_own(run: Program) -> None:
    """Size, name and Ctrl-C as with a helper pod; ssh itself has none."""
    words = [*run.argv[1:], "-it", "--", "sh", "-c", "trap 'echo caught; exit 3' INT; tty; stty size; read x"]
    environment = {**os.environ, "KUBECONFIG": str(KUBECONFIG), **run.environment}
    terminal = pexpect.spawn(run.argv[0], list(words), env=environment, dimensions=(33, 99), timeout=60)
    terminal.expect_exact("/dev/pts/0\r\n33 99\r\n")
    terminal.sendcontrol("c")
    terminal.expect_exact("caught")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 3


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


class _Session:
    """A command that sleeps."""

    def __init__(self, run: Program) -> None:
        self.seconds = unique_seconds()
        self.client = run.start("--", "sh", "-c", f"echo on; exec sleep {self.seconds}")
        assert self.client.stdout
        assert self.client.stdout.readline() == b"on\n", self.client.stderr and self.client.stderr.read()

    def pids(self) -> list[int]:
        return running("sleep", self.seconds)

    def ended(self) -> tuple[int, str]:
        _, errors = self.client.communicate(timeout=40)
        return self.client.returncode, errors.decode()


@pytest.fixture
def session(run: Program) -> Iterator[_Session]:
    """A command that runs."""
    made = _Session(run)
    yield made
    made.client.kill()
    made.client.communicate()


@pytest.mark.usefixtures("nothing_stays")
def test_a_killed_client_leaves_nothing(session: _Session) -> None:
    """kill -9: no process, no cgroup folder, no file."""
    assert session.pids()
    assert _traces()
    session.client.kill()
    assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signalled_client_has_cleared_up_when_it_ends(session: _Session, number: signal.Signals) -> None:
    """128+n, and by then nothing is left."""
    session.client.send_signal(number)
    assert session.ended()[0] == 128 + number
    assert not session.pids()


def _guards() -> list[int]:
    """The processes of `last-link guard`: who clears up, and who serves."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[0].endswith(b"/last-link") and words[1] == b"guard":
            found.append(int(cmdline.parent.name))
    return sorted(found)


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_guard_is_no_success_and_leaves_nothing(session: _Session, which: int) -> None:
    """kill -9 of either of its processes on the node: the command ends, and the client does not know how."""
    os.kill(_guards()[which], signal.SIGKILL)
    status, errors = session.ended()
    assert (status, "is not known" in errors) == (_OWN_FAILURE, True), errors
    assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())


@pytest.mark.usefixtures("nothing_stays")
def test_a_cut_ssh_connection_is_no_success_and_leaves_nothing(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """The server's process for it is killed: the client says so, the node ends the command."""
    sshd.configure()
    session = _Session(_on(nsexec, sshd.environment, target))
    for pid in sshd.sessions():
        if b"sshd: root" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    status, errors = session.ended()
    assert (status, "is not known" in errors) == (_OWN_FAILURE, True), errors
    assert within(_GONE_WITHIN_SECONDS, lambda: not session.pids())


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("stage", ["nothing sent", "deaf", "held"])
def test_a_client_that_goes_before_the_command_leaves_nothing(nsexec: Program, target: Pod, stage: str) -> None:
    """Before the last link is there, before it hears that it is, and before it says go."""
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
            agent.stdin.write(last_link("amd64"))
            agent.stdin.flush()
        if stage == "held":
            assert b'"event":"held"' in agent.stdout.readline()
        agent.stdin.close()
        agent.wait(30)


def test_a_refused_host_key_is_told_in_sshs_words(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """And how to try it by hand."""
    sshd.configure(UserKnownHostsFile="/dev/null", BatchMode="yes")
    done = _on(nsexec, sshd.environment, target)("--", "true")
    assert done.status == _OWN_FAILURE
    assert "Host key verification failed." in done.stderr
    assert "Next: try it by hand: ssh " in done.stderr


def test_a_refused_login_shows_the_banner(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """It may say why."""
    sshd.configure(IdentityFile="/dev/null", BatchMode="yes")
    done = _on(nsexec, sshd.environment, target)("--", "true")
    assert done.status == _OWN_FAILURE
    assert BANNER in done.stderr
    assert "Permission denied" in done.stderr


def test_a_slow_login_counts_against_the_timeout(nsexec: Program, sshd: Sshd, target: Pod) -> None:
    """The connection never comes; the error names the flag."""
    sshd.configure(ProxyCommand="sleep 1000")
    began = time.monotonic()
    done = _on(nsexec, sshd.environment, target)("--timeout", "2s", "--", "true")
    assert done.status == _OWN_FAILURE
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
