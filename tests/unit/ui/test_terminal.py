"""The user's terminal: raw while the command has it, as it was before on every way out."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.protocol import commands
from kubectl_nsexec.ui import terminal
from kubectl_nsexec.ui.interrupts import Interrupts, SignalReceived

if TYPE_CHECKING:
    from collections.abc import Iterator

Pty = tuple[int, int]


@pytest.fixture
def pty() -> Iterator[Pty]:
    """Both ends of a pseudo-terminal: the outer one, and the one that a program has."""
    outer, inner = os.openpty()
    yield outer, inner
    os.close(outer)
    os.close(inner)


def modes(fd: int) -> list[Any]:
    """What ``stty -a`` shows of it."""
    return termios.tcgetattr(fd)


def is_raw(fd: int) -> bool:
    """Whether keys are bytes."""
    return not modes(fd)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)


def resize(fd: int, rows: int, columns: int) -> None:
    """As a window manager does."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def found(fd: int) -> terminal.Terminal:
    """The terminal that FD is."""
    user = terminal.find(fd, fd)
    assert user is not None
    return user


def test_a_pipe_is_no_terminal(pty: Pty) -> None:
    """Only stdin decides."""
    reader, writer = os.pipe()
    assert terminal.find(reader, pty[1]) is None
    assert terminal.find(pty[1], writer) is not None
    os.close(reader)
    os.close(writer)


def test_size_is_of_the_window_that_is_written_to(pty: Pty) -> None:
    """Of stdin's where stdout is no terminal; unknown is 0 by 0."""
    outer, inner = pty
    assert found(inner).size() == (0, 0)
    resize(outer, 33, 99)
    assert found(inner).size() == (33, 99)
    reader, writer = os.pipe()
    beside = terminal.find(inner, writer)
    assert beside is not None
    assert beside.size() == (33, 99)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("error", [None, ValueError, SystemExit, KeyboardInterrupt])
def test_raw_is_undone_on_every_way_out(pty: Pty, error: type[BaseException] | None) -> None:
    """A return, an exception, an exit: the very same modes as before."""
    _, inner = pty
    before = modes(inner)

    def use() -> None:
        with found(inner).raw():
            assert is_raw(inner)
            if error:
                raise error

    if error:
        with pytest.raises(error):
            use()
    else:
        use()
    assert modes(inner) == before


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"])
def test_raw_is_undone_by_a_signal(pty: Pty, name: str) -> None:
    """Signals are exceptions here, so that every ``finally`` runs."""
    _, inner = pty
    before = modes(inner)
    number = getattr(signal, name)

    def use() -> None:
        with Interrupts().as_exceptions(), found(inner).raw():
            assert is_raw(inner)
            os.kill(os.getpid(), number)
            signal.pause()

    with pytest.raises(SignalReceived):
        use()
    assert modes(inner) == before


def test_raw_is_undone_at_the_end_of_the_process(pty: Pty) -> None:
    """Even where no ``finally`` came to run."""
    _, inner = pty
    before = modes(inner)
    script = (
        "from kubectl_nsexec.ui.terminal import find; import sys\n"
        "context = find(0, 1).raw(); context.__enter__(); import builtins; builtins.kept = context; sys.exit(3)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdin=inner, check=False)
    assert done.returncode == 3
    assert modes(inner) == before


def test_what_was_typed_ahead_is_kept(pty: Pty) -> None:
    """Keys from before raw mode are the command's."""
    outer, inner = pty
    os.write(outer, b"early")
    with found(inner).raw():
        assert os.read(inner, 100) == b"early"


def test_a_terminal_that_went_away_does_not_hide_the_error() -> None:
    """To restore what is gone is no error."""
    outer, inner = os.openpty()

    def use() -> None:
        with found(inner).raw():
            os.close(outer)
            os.close(inner)
            raise ValueError("the command's own trouble")

    with pytest.raises(ValueError, match="own trouble"):
        use()


def test_a_new_size_is_told(pty: Pty) -> None:
    """SIGWINCH makes a descriptor readable, once however many came; the handler of before comes back."""
    _, inner = pty
    former = signal.getsignal(signal.SIGWINCH)
    with found(inner).resizes() as resized:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGWINCH)
        assert select.select([resized.fd], [], [], 5)[0] == [resized.fd]
        assert resized.read() in (b"xxx", b"")
        assert select.select([resized.fd], [], [], 0)[0] == []
        assert resized.read() in (b"xxx", b"")
    assert signal.getsignal(signal.SIGWINCH) == former


def test_raw_mode_survives_a_stop(pty: Pty) -> None:
    """A shell sets its own modes while we are stopped; when it continues us, ours come back, and the size is asked."""
    _, inner = pty
    user = found(inner)
    before = modes(inner)
    with user.resizes() as resized:
        with user.raw():
            termios.tcsetattr(inner, termios.TCSANOW, before)
            os.kill(os.getpid(), signal.SIGCONT)
            assert select.select([resized.fd], [], [], 5)[0] == [resized.fd]
            assert is_raw(inner)
        os.kill(os.getpid(), signal.SIGCONT)
        assert modes(inner) == before


def test_frames_are_what_the_shim_reads() -> None:
    """Letter, size of two bytes, content; long typing in several frames."""
    assert commands.typed(b"ls\n") == b"d\0\3ls\n"
    assert commands.typed(b"x" * 65536) == b"d\xff\xff" + b"x" * 65535 + b"d\0\1x"
    assert commands.window(258, 80) == b"w\0\4\1\2\0\x50"
