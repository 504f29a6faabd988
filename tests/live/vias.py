"""What a run without a helper pod (``--via ssh``, ``--via local``) has to show, on whichever node."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

import pexpect

from kubectl_nsexec.model.cpuset import CpuSet
from tests.live.processes import unique_seconds, within

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.live.harness import Program

    Inside = Callable[[str], str]
    """Runs a shell script as root on the node, outside all containers, and returns its stdout."""

OWN_FAILURE: Final = 125
_MASK: Final = "grep Cpus_allowed_list /proc/self/status"
_ENDS_WITHIN_SECONDS: Final = 120.0
_TRACES: Final = """ls -d /run/nsexec-* /sys/fs/cgroup/nsexec-* /sys/fs/cgroup/cpuset/nsexec-* 2>/dev/null
[ ! -d /run/systemd/system ] || systemctl list-units --all --plain --no-legend --no-pager 'nsexec-*'"""


def shows_streams_and_status(run: Program, status: int, banner: str) -> None:
    """stdout, stderr and status are the command's; what the login says is not shown."""
    done = run("--", "sh", "-c", f"echo out; echo err >&2; exit {status}")
    assert (done.status, done.stdout) == (status, b"out\n"), done.stderr
    ending = f"command terminated with exit code {status}\n" if status else ""
    assert done.stderr.endswith(f"err\n{ending}"), done.stderr
    assert banner not in done.stderr


def takes_stdin_and_its_end(run: Program, size_bytes: int = 5_000_000) -> None:
    """More than any buffer takes, both ways at once, and end of file."""
    data = os.urandom(size_bytes)
    assert run("-i", "--", "cat", stdin=data).stdout == data
    assert run("--", "cat", stdin=b"x").stdout == b""


def has_a_terminal_of_the_container(run: Program) -> None:
    """Size, name and Ctrl-C as with a helper pod; ssh itself has none."""
    # Not `read`: a trap that comes just before it waits for what nobody will type.
    script = "trap 'echo caught; exit 3' INT; tty; stty size; while :; do sleep 1; done"
    words = [*run.argv[1:], "-it", "--", "sh", "-c", script]
    terminal = pexpect.spawn(run.argv[0], words, env=run.variables(), dimensions=(33, 99), timeout=60)
    try:
        terminal.expect(r"/dev/pts/\d+\r\n33 99\r\n")
        terminal.sendcontrol("c")
        terminal.expect_exact("caught")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 3


def stays_on(run: Program, reserved: CpuSet, others: CpuSet, meanwhile: Callable[[], object] = lambda: None) -> None:
    """The command's mask is RESERVED, before and after what it tries itself and what happens MEANWHILE."""
    tries = f"taskset -p -c {reserved} $$ >/dev/null && ! taskset -p -c {others} $$ >/dev/null 2>&1"
    client = run.start("-i", "--", "sh", "-c", f"{_MASK}; {tries} || exit 9; read x; {_MASK}")
    assert client.stdout
    first = client.stdout.readline()
    if first:
        meanwhile()
    second, errors = client.communicate(b"x\n", timeout=_ENDS_WITHIN_SECONDS)
    assert client.returncode == 0, errors.decode()
    assert [CpuSet.parse(line.split()[1].decode()) for line in (first, second)] == [reserved] * 2


def traces(inside: Inside) -> set[str]:
    """What sessions have made on the node: files, cgroup folders, systemd's scopes."""
    return set(inside(_TRACES).splitlines())


@contextmanager
def nothing_stays(inside: Inside, within_seconds: float) -> Iterator[None]:
    """When the block is over nothing of a session is left on the node; what was there before does not count."""
    before = traces(inside)
    yield
    assert within(within_seconds, lambda: traces(inside) <= before), traces(inside) - before


def processes_with(inside: Inside, argument: str) -> list[int]:
    """The node's processes that have such an argument (a basic regular expression), the oldest first."""
    # "-e" and the expression are one argument of grep's, so it does not find itself.
    found = inside(f"grep -lzx '-e{argument}' /proc/[0-9]*/cmdline 2>/dev/null || :")
    return sorted(int(path.split("/")[2]) for path in found.split())


def kill(inside: Inside, *pids: int) -> None:
    """``kill -9`` on the node."""
    assert pids
    inside(f"kill -KILL {' '.join(map(str, pids))}")


@final
class Session:
    """A command that sleeps for a number of seconds that nobody else does."""

    def __init__(self, run: Program, inside: Inside) -> None:
        self._inside, self._seconds = inside, unique_seconds()
        self.client: subprocess.Popen[bytes] = run.start("--", "sh", "-c", f"{_MASK}; exec sleep {self._seconds}")
        assert self.client.stdout
        line = self.client.stdout.readline()
        assert line, self.client.communicate()[1].decode()
        self.mask = CpuSet.parse(line.split()[1].decode())

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.kill()
        # What leads to a client on the node holds its output open for as long as the command runs.
        self._inside(f"kill -KILL {' '.join(map(str, self.pids()))} 2>/dev/null || :")
        self.client.communicate(timeout=_ENDS_WITHIN_SECONDS)

    def pids(self) -> list[int]:
        """The command's process on the node, while it is there."""
        return processes_with(self._inside, self._seconds)

    def ended(self) -> tuple[int, str]:
        """The client's status and what it said, when it has ended by itself."""
        _, errors = self.client.communicate(timeout=_ENDS_WITHIN_SECONDS)
        return self.client.returncode, errors.decode()

    def ends_without_a_word(self, within_seconds: float) -> None:
        """The client knows that the command is gone, and that it does not know how; and so it is."""
        status, errors = self.ended()
        assert (status, "is not known" in errors) == (OWN_FAILURE, True), errors
        assert within(within_seconds, lambda: not self.pids())


def guards(inside: Inside) -> list[int]:
    """The processes of ``shim guard``: who clears up, and who serves.

    Of those that are in the node's own /run: hermetic tests, which run beside, have guards on fake nodes.
    """
    return sorted({*processes_with(inside, "guard")} & {*processes_with(inside, "/run/nsexec-[0-9a-f]*/shim")})
