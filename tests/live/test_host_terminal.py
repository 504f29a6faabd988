"""``oc nsexec -it`` on a real pseudo-terminal: what the user sees, types and resizes, and what is left afterwards."""

from __future__ import annotations

import hashlib
import os
import re
import select
import signal
import termios
from typing import TYPE_CHECKING

import pexpect
import pytest

from testbed.paths import KUBECONFIG
from tests.live.terminals import PATIENCE_SECONDS, PROMPT, Session, ask, at_prompt, ended, modes, sessions, target_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

PASTE_BYTES = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU, so that other tests can run beside."""
    return shared_pods.start(target_pod(host_node))


@pytest.fixture
def on_terminal(target: Pod, helpers: str) -> Iterator[Callable[..., Session]]:
    """Starts ``oc nsexec TARGET ARGUMENTS`` on a pseudo-terminal of 33 rows and 99 columns."""
    with sessions(target, helpers) as start:
        yield start


def test_the_terminal_is_the_containers_and_has_our_size(on_terminal: Callable[..., Session]) -> None:
    """``tty`` names it, ``stty size`` is ours from the start and after each change."""
    shell = at_prompt(on_terminal("-it", "--", "sh"))
    assert re.search(r"^/dev/pts/\d+$", ask(shell, "tty"), re.MULTILINE)
    assert ask(shell, "stty size").splitlines()[0] == "33 99"
    assert ask(shell, "ls -l $(tty) | cut -c1-10").splitlines()[0] == "crw--w----"
    shell.setwinsize(50, 200)
    # The change travels beside the keys: the signal has to reach the client before the next line does.
    for _ in range(50):
        if (size := ask(shell, "stty size").splitlines()[0]) == "50 200":
            break
    assert size == "50 200"
    shell.sendline("exit 37")
    assert ended(shell) == 37
    assert b"command terminated with exit code 37\r\n" in shell.before


def test_keys_are_the_commands(on_terminal: Callable[..., Session]) -> None:
    """Ctrl-C, Ctrl-backslash and Ctrl-Z reach the job in the container; fg continues it; we live on."""
    shell = at_prompt(on_terminal("-it", "--", "sh"))
    for key, status in (("c", "130"), ("\\", "131")):
        # The job says it, not the shell: a key that comes before the job has the terminal would go to the shell.
        shell.sendline("sh -c 'echo r''eady; exec sleep 1000'")
        shell.expect_exact("ready\r\n")
        shell.sendcontrol(key)
        shell.expect_exact(PROMPT)
        assert ask(shell, "echo $?").splitlines()[0] == status
    shell.sendline("sh -c 'echo r''eady; read -r x; echo got-$x'")
    shell.expect_exact("ready\r\n")
    shell.sendcontrol("z")
    shell.expect("Stopped")
    shell.expect_exact(PROMPT)
    shell.sendline("fg")
    shell.expect_exact("read -r x")
    shell.sendline("it")
    shell.expect_exact("got-it")
    at_prompt(shell)
    shell.sendcontrol("d")
    assert ended(shell) == 0


@pytest.mark.parametrize(
    ("program", "shows", "leave"), [("vi /etc/passwd", "/etc/passwd", ":q!\r"), ("top", "Mem:", "q")]
)
def test_full_screen_programs_come_and_go(
    on_terminal: Callable[..., Session], program: str, shows: str, leave: str
) -> None:
    """vi and top use the whole window, and leave the user's terminal as it was."""
    session = on_terminal("-it", "--", *program.split())
    before = modes(session)
    session.expect_exact(shows)
    assert not modes(session)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    session.send(leave)
    assert ended(session) == 0
    assert modes(session) == before


def test_five_megabytes_are_pasted_whole(on_terminal: Callable[..., Session]) -> None:
    """Every byte of a long paste arrives, whatever it contains."""
    data = os.urandom(PASTE_BYTES)
    script = f"stty raw -echo; echo ready; head -c {PASTE_BYTES} | sha256sum"
    session = on_terminal("-it", "--", "sh", "-c", script)
    session.expect_exact("ready\n")
    assert not modes(session)[3] & termios.ICANON
    left = memoryview(data)
    os.set_blocking(session.child_fd, False)
    while left:
        assert select.select([], [session.child_fd], [], PATIENCE_SECONDS)[1], f"stuck with {len(left)} bytes to go"
        left = left[os.write(session.child_fd, left[:65536]) :]
    os.set_blocking(session.child_fd, True)
    session.expect_exact(hashlib.sha256(data).hexdigest())
    assert ended(session) == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_a_signal_restores_the_terminal(on_terminal: Callable[..., Session], name: str) -> None:
    """Who kills the client finds the terminal as it was before, and the status says by what."""
    session = on_terminal("-it", "--", "sh")
    before = modes(session)
    at_prompt(session)
    assert modes(session) != before
    number = getattr(signal, name)
    session.kill(number)
    assert ended(session) == 128 + number
    assert modes(session) == before


def test_a_lost_helper_restores_the_terminal(
    on_terminal: Callable[..., Session], kubectl: Program, helpers: str
) -> None:
    """Our own errors are printed on a terminal that is as it was: every line begins at the left."""
    session = on_terminal("-it", "--", "sh")
    before = modes(session)
    at_prompt(session)
    kubectl.ok("delete", "pods", "-n", helpers, "--all", "--wait=false")
    assert ended(session) == 125
    assert modes(session) == before
    assert b"error: the helper pod ended before the command did" in session.before
    assert b"\r\n" in session.before


def test_without_a_command_there_is_a_shell(on_terminal: Callable[..., Session]) -> None:
    """As oc rsh: /bin/sh with a terminal and the user's own TERM."""
    shell = at_prompt(on_terminal(term="screen"))
    assert ask(shell, "echo $0:$TERM").splitlines()[0] == "/bin/sh:screen"
    assert ask(shell, "tty").startswith("/dev/pts/")
    shell.sendline("exit")
    assert ended(shell) == 0


def test_a_program_that_is_not_there(on_terminal: Callable[..., Session]) -> None:
    """Both lines begin at the left."""
    session = on_terminal("-q", "-it", "--", "no-such-program")  # nor is it said what is waited for
    assert ended(session) == 127
    assert session.before.decode().splitlines() == [
        'exec: "no-such-program": No such file or directory',
        "command terminated with exit code 127",
    ]


def test_without_a_terminal_it_goes_on_without(nsexec: Program, target: Pod) -> None:
    """-it in a pipe says kubectl's sentence; -t alone says nothing; no command and no terminal is a plain shell."""
    at = (target.name, "-n", target.namespace)
    done = nsexec(*at, "-it", "--", "cat", stdin=b"a\n")
    assert (done.stdout, done.status) == (b"a\n", 0)
    assert done.stderr == "Unable to use a TTY - input is not a terminal or the right kind of file\n"
    done = nsexec(*at, "-t", "--", "tty")
    assert (done.stdout, done.status) == (b"not a tty\n", 1)
    assert done.stderr == "command terminated with exit code 1\n"
    done = nsexec(*at, stdin=b"echo $((6*7))\n")
    assert (done.stdout, done.stderr, done.status) == (b"42\n", "", 0)


def _whole(session: Session) -> bytes:
    """What a command says that then waits for a line: CRI-O was seen to lose what comes just before an end."""
    session.expect(r"/dev/pts/\d+\r\n")
    said: bytes = session.before + session.after
    session.sendline()
    assert ended(session) == 0
    return said


def test_term_and_settings_are_those_of_exec(
    on_terminal: Callable[..., Session], kubectl: Program, target: Pod
) -> None:
    """``kubectl exec -it`` and ``oc nsexec -it`` give the command the same terminal."""
    # Not stty: the runtime's own terminal was seen to refuse it in the first moment of an exec.
    script = "ls -ln /dev/pts | sed 's/ [A-Z].*:.. / /'; env | grep TERM; readlink /proc/self/fd/2; read -r end"
    ours = _whole(on_terminal("-q", "-it", "--", "sh", "-c", script))  # a warning would be ours alone
    words = [*kubectl.argv[1:], "exec", "-it", "-n", target.namespace, target.name, "--", "sh", "-c", script]
    env = {**os.environ, "KUBECONFIG": str(KUBECONFIG)}
    assert ours == _whole(pexpect.spawn(kubectl.argv[0], words, env=env, dimensions=(33, 99), timeout=PATIENCE_SECONDS))
