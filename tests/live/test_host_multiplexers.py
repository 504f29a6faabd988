"""tmux, screen and sudo, which look closely at their terminal, find nothing to complain of in ``oc nsexec -it``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from testbed import images
from tests.live.pods import container, pod
from tests.live.terminals import PROMPT, Session, ask, at_prompt, ended, modes, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Pods
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

# Debian's own programs: the pod has the folders of this machine that they are in, and these files of its own.
SETTINGS = """\
mkdir -p /etc/pam.d /run/screen; chmod 1777 /run/screen
for kind in auth account session; do echo "$kind required pam_permit.so"; done >/etc/pam.d/sudo
printf 'Defaults requiretty, use_pty\\nroot ALL=(ALL:ALL) ALL\\n' >/etc/sudoers; chmod 0440 /etc/sudoers
trap 'exit 0' TERM; while :; do sleep 86400 & wait $!; done
"""
FOLDERS = ("/usr", "/lib", "/lib64")


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod with tmux, screen and sudo."""
    env = [{"name": "PS1", "value": "# "}, {"name": "LANG", "value": "C.UTF-8"}, {"name": "SHELL", "value": "/bin/sh"}]
    mounts = [{"name": path[1:], "mountPath": path, "readOnly": True} for path in FOLDERS]
    volumes = [{"name": path[1:], "hostPath": {"path": path, "type": "Directory"}} for path in FOLDERS]
    own = container(
        images.BUSYBOX,
        command=["/bin/sh", "-c", SETTINGS],
        env=env,
        volumeMounts=mounts,
        security={"capabilities": {"add": ["AUDIT_WRITE"]}},  # sudo's, which not every runtime gives by itself
    )
    return shared_pods.start(pod("multiplexers", own, node=host_node, volumes=volumes))


@pytest.fixture
def on_terminal(target: Pod, helpers: str) -> Iterator[Callable[..., Session]]:
    """Starts ``oc nsexec TARGET ARGUMENTS`` on a pseudo-terminal of 33 rows and 99 columns."""
    with sessions(target, helpers) as start:
        yield start


@pytest.mark.parametrize(
    ("start", "prefix", "again", "farewell"),
    [
        (("tmux", "new-session", "-s", "work", "/bin/sh"), "b", ("tmux", "attach"), "detached (from session work)"),
        (("screen", "-S", "work", "/bin/sh"), "a", ("screen", "-r", "work"), "detached from"),
    ],
    ids=["tmux", "screen"],
)
def test_a_multiplexer_is_detached_and_taken_up_again(
    on_terminal: Callable[..., Session], start: tuple[str, ...], prefix: str, again: tuple[str, ...], farewell: str
) -> None:
    """Its shell has a terminal of its own in a window of our size; what runs in it is there after a detach."""
    shell = on_terminal("-it", "--", "/bin/sh")
    before = modes(shell)
    at_prompt(shell)
    shell.sendline(" ".join(start))
    shell.sendline("echo size-$(stty size | tr ' ' x)-$(tty | tr / _)")
    found = shell.expect([rb"size-(\d+)x99-_dev_pts_\d+"])
    assert found == 0
    assert int(shell.match[1]) in (32, 33)  # tmux keeps a line for itself
    shell.sendline("kept=$((6*7)); echo made-$kept")
    shell.expect_exact("made-42")  # tmux takes what comes at once for a paste, the prefix too
    shell.sendcontrol(prefix)
    shell.send("d")
    shell.expect_exact(farewell)
    shell.sendline(" ".join(again))
    shell.sendline("echo still-$kept")
    shell.expect_exact("still-42")
    shell.sendline("exit")
    shell.expect(re.escape("terminating") + "|" + re.escape("[exited]"))
    shell.expect_exact(PROMPT)
    shell.sendline("exit 3")
    assert ended(shell) == 3
    assert modes(shell) == before


def test_sudo_is_content_with_its_terminal(on_terminal: Callable[..., Session]) -> None:
    """Also where sudoers demands one (requiretty), and the command below it has one of sudo's own (use_pty)."""
    shell = at_prompt(on_terminal("-it", "--", "/bin/sh"))
    assert ask(shell, "sudo -u worker id -un; echo =$?").splitlines()[:2] == ["worker", "=0"]
    assert re.fullmatch(r"/dev/pts/\d+", ask(shell, "sudo -u worker tty"))
    shell.sendline("exit")
    assert ended(shell) == 0
