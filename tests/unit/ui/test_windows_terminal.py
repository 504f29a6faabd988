"""A console of Windows, as far as a fake kernel32 can tell: none of this was tried on Windows."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.ui.terminal.base import Size
from kubectl_nsexec.ui.terminal.windows import WindowsTerminal
from tests.unit.fake_console import CODE_PAGE, COOKED_INPUT, COOKED_OUTPUT, IN, OUT, FakeKernel32

if TYPE_CHECKING:
    from kubectl_nsexec.ui.sources import Source

COOKED = ({IN: COOKED_INPUT, OUT: COOKED_OUTPUT}, CODE_PAGE)
PROCESSED_LINE_ECHO_WINDOW_MOUSE = 0x1F


def console(kernel32: FakeKernel32, output: int = OUT) -> WindowsTerminal:
    """The terminal that kernel32 shows."""
    return WindowsTerminal(0, 1, kernel32, (IN, output))


def everything(source: Source) -> bytes:
    """What SOURCE has until it ends; each wait is select's, as on Windows."""
    found = b""
    while select.select([source.fd], [], [], 5)[0] and (data := source.read()) is not None:
        found += data
    return found


def test_raw_makes_every_key_a_byte_and_sequences_work() -> None:
    """Ctrl-C too; keys and output are virtual terminal sequences, output is UTF-8, and a line feed is just that."""
    kernel32 = FakeKernel32()
    with console(kernel32).raw():
        assert kernel32.modes[IN] & PROCESSED_LINE_ECHO_WINDOW_MOUSE == 0
        assert kernel32.modes[IN] & 0x200
        assert kernel32.modes[OUT] == 0x1 | 0x2 | 0x4 | 0x8
        assert kernel32.code_page == 65001
    assert (kernel32.modes, kernel32.code_page) == COOKED


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_raw_is_undone_on_every_way_out(error: type[BaseException]) -> None:
    """Modes and code page are those of before."""
    kernel32 = FakeKernel32()

    def use() -> None:
        with console(kernel32).raw():
            raise error

    with pytest.raises(error):
        use()
    assert (kernel32.modes, kernel32.code_page) == COOKED


def test_output_that_is_no_console_is_left_alone() -> None:
    """As in ``… | tee log``."""
    kernel32 = FakeKernel32()
    with console(kernel32, output=7).raw():
        assert kernel32.modes[OUT] == COOKED_OUTPUT
    assert (kernel32.modes, kernel32.code_page) == COOKED


def test_keys_are_utf_8() -> None:
    """Ctrl-C and arrows as they are; a character beyond 16 bits comes as two units, perhaps in two reads."""
    kernel32 = FakeKernel32("é", "\x03", "\x1b[A", "\ud83d", "\ude00x", "\udc00")
    assert everything(console(kernel32).keys()) == "é\x03\x1b[A\U0001f600x\ufffd".encode()


@pytest.mark.parametrize(
    ("kernel32", "wanted"),
    [(FakeKernel32(), True), (FakeKernel32(virtual_terminal=False), False)],
    ids=["Windows 10", "older"],
)
def test_a_console_without_sequences_cannot_be_raw(kernel32: FakeKernel32, *, wanted: bool) -> None:
    """It is asked by trying, and left as it was."""
    assert console(kernel32).can_be_raw() is wanted
    assert (kernel32.modes, kernel32.code_page) == COOKED


def test_nul_is_no_console() -> None:
    """Though isatty(3) says so."""
    assert not WindowsTerminal(0, 1, FakeKernel32(), (7, OUT)).can_be_raw()


def test_a_new_size_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """By looking again and again: there is no signal for it. Its end ends the looking."""
    terminal = console(FakeKernel32())
    sizes = [Size(24, 80), Size(24, 80), Size(30, 90)]
    monkeypatch.setattr(terminal, "size", lambda: sizes.pop(0) if len(sizes) > 1 else sizes[0])
    with terminal.resizes() as resized:
        assert select.select([resized.fd], [], [], 5)[0] == [resized.fd]
        assert resized.read() == b"x"
    assert everything(resized) == b""
