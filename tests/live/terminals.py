"""``oc nsexec`` on a real pseudo-terminal, driven as a person would."""

from __future__ import annotations

import os
import signal
import sys
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pexpect

from testbed import images
from testbed.paths import KUBECONFIG
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Program
    from tests.live.pods import Json, Pod

PATIENCE_SECONDS = 120
"""To the prompt, that is with the helper pod's start; on a machine that does other things as well."""
PROMPT = "# \x1b[6n"
"""BusyBox's: after it, its editor asks the terminal where the cursor is."""

Session = Any  # a pexpect.spawn: pexpect carries no types


def target_pod(node: str) -> Json:
    """A pod that owns no CPU, whose shell has a prompt that can be waited for."""
    own = container(images.BUSYBOX, env=[{"name": "PS1", "value": "# "}])
    return pod("terminal", own, node=node)


@contextmanager
def sessions(target: Pod, helpers: str) -> Iterator[Callable[..., Session]]:
    """Starts ``oc nsexec TARGET ARGUMENTS`` on a pseudo-terminal of 33 rows and 99 columns."""
    started: list[Session] = []

    def start(*arguments: str, term: str = "xterm-256color") -> Session:
        words = ["-m", "kubectl_nsexec", target.name, "-n", target.namespace, "--timeout", "100s", *arguments]
        env = {**os.environ, "KUBECONFIG": str(KUBECONFIG), "NSEXEC_NAMESPACE": helpers, "TERM": term}
        session = pexpect.spawn(sys.executable, words, env=env, dimensions=(33, 99), timeout=PATIENCE_SECONDS)
        session.delaybeforesend = None
        started.append(session)
        return session

    try:
        yield start
    finally:
        for session in started:
            if session.isalive():
                session.kill(signal.SIGTERM)
            session.expect(pexpect.EOF)
            session.close()


def shown(program: Program, *arguments: str) -> str:
    """What PROGRAM shows on a pseudo-terminal; nothing is typed, and it has to end well."""
    session = pexpect.spawn(
        program.argv[0],
        [*program.argv[1:], *arguments],
        env={**program.variables(), "TERM": "xterm"},
        dimensions=(33, 99),
        timeout=PATIENCE_SECONDS,
    )
    assert ended(session) == 0, session.before
    return str(session.before.decode())


def modes(session: Session) -> list[Any]:
    """Of the user's terminal, as ``stty -a`` shows them."""
    return termios.tcgetattr(session.child_fd)


def ended(session: Session) -> int:
    """The client's exit status; 128+n when it died of signal n."""
    session.expect(pexpect.EOF)
    session.wait()
    return int(session.exitstatus) if session.exitstatus is not None else 128 + int(session.signalstatus)


def at_prompt(session: Session) -> Session:
    """Waits for the shell of the container."""
    session.expect_exact(PROMPT)
    return session


def ask(session: Session, line: str) -> str:
    """Types LINE, and returns what is shown between it and the next prompt."""
    session.sendline(line)
    session.expect_exact("\r\n")  # not the line itself: its echo is drawn anew when the window changes meanwhile
    session.expect_exact(PROMPT)
    return str(session.before.decode().strip())
