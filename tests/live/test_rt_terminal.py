"""On the real-time node as well (cgroup v2, systemd, AppArmor) the command's terminal is the container's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.live.terminals import PROMPT, ask, at_prompt, ended, modes, sessions, target_pod

if TYPE_CHECKING:
    from tests.live.harness import Pods

pytestmark = pytest.mark.rt_node


@pytest.mark.kernel
def test_an_interactive_shell_on_the_real_time_node(pods: Pods, helpers: str, rt_node: str) -> None:
    """Its terminal has a name and our size, Ctrl-C ends a program and not the shell, and its status is ours."""
    target = pods.start(target_pod(rt_node))
    with sessions(target, helpers) as start:
        shell = start("-it", "--", "sh")
        before = modes(shell)
        at_prompt(shell)
        assert re.search(r"^/dev/pts/\d+$", ask(shell, "tty"), re.MULTILINE)
        assert ask(shell, "stty size").splitlines()[0] == "33 99"
        # What is typed before the program reads is the shell's editor's: so wait for the program's own word.
        shell.sendline("sh -c 'echo r''eady; read -r x; echo got-$x; sleep 1000'")
        shell.expect_exact("ready\r\n")
        shell.sendline("it")
        shell.expect_exact("got-it\r\n")
        shell.sendintr()
        shell.expect_exact(PROMPT)
        assert ask(shell, "echo $?").splitlines()[0] == "130"
        shell.sendline("exit 37")
        assert ended(shell) == 37
        assert modes(shell) == before
