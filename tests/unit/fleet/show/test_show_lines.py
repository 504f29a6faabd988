"""The default: whole lines, each with its pod's name before it."""

from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.fleet.show import ShowOptions, presenter
from kubectl_nsexec.fleet.show.lines import LONGEST_BYTES, LineBuffer
from kubectl_nsexec.ui.console import Console, OutputClosedError
from tests.unit.fleet.show.screen import Screen, ended, place, pods

FIRST, SECOND = pods(2)


def test_lines_are_whole_and_each_stream_stays_what_it_is(screen: Screen) -> None:
    """However the bytes come, nothing of one line is in another; a last line without an end gets one."""
    with presenter(ShowOptions(), [FIRST, SECOND], screen.console) as shown:
        shown.stdout(FIRST, b"one\ntw")
        shown.stdout(SECOND, b"fir")
        shown.stderr(FIRST, b"warning\n")
        shown.stdout(FIRST, b"o\n\nla")
        shown.stdout(SECOND, b"st\n")
        assert screen.out == b"ran/du-0: one\nran/du-0: two\nran/du-0: \nran/du-1: first\n"
        shown.stdout(FIRST, b"st")
        shown.ended(ended(FIRST))
        shown.ended(ended(SECOND, 3))
        shown.finish([ended(FIRST), ended(SECOND, 3)])
    assert screen.out.endswith(b"first\nran/du-0: last\n")
    assert screen.err == b"ran/du-0: warning\n"


def test_containers_of_one_pod_are_told_apart(screen: Screen) -> None:
    """By their names."""
    one, other = place(container="main"), place(container="dpdk")
    with presenter(ShowOptions(), [one, other], screen.console) as shown:
        shown.stdout(one, b"a\n")
        shown.stdout(other, b"b\n")
    assert screen.out == b"ran/du-0/main: a\nran/du-0/dpdk: b\n"


def test_a_commands_bytes_go_through_as_they_are(screen: Screen) -> None:
    """Also those that move a cursor, and those that are no text: as with kubectl exec."""
    with presenter(ShowOptions(), [FIRST], screen.console) as shown:
        shown.stdout(FIRST, b"10%\r20%\r\n\x1b[2J\xff\0\n")
    assert screen.out == b"ran/du-0: 10%\r20%\r\nran/du-0: \x1b[2J\xff\0\n"


@pytest.mark.parametrize(
    ("color", "environment", "colours"),
    [
        (None, {}, False),
        ("auto", {}, False),
        ("always", {}, True),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
        (None, {"FORCE_COLOR": "1"}, True),
        (None, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("auto", {"FORCE_COLOR": "1"}, True),
    ],
)
def test_only_the_name_has_a_colour(
    screen: Screen, color: str | None, environment: dict[str, str], *, colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is asked for; these are files."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with presenter(ShowOptions(color=color), [FIRST], screen.console) as shown:  # type: ignore[arg-type] # of the table
        shown.stdout(FIRST, b"x\n")
        shown.stderr(FIRST, b"y\n")
    prefix = b"\x1b[32mran/du-0\x1b[0m" if colours else b"ran/du-0"
    assert (screen.out, screen.err) == (prefix + b": x\n", prefix + b": y\n")


LONG = LONGEST_BYTES


@pytest.mark.parametrize(
    ("sizes", "lines"),
    [
        ([LONG], [LONG]),
        ([LONG + 1], [LONG, 1]),
        ([2 * LONG], [LONG, LONG]),
        ([3 * LONG + 7, 5, LONG], [LONG, LONG, LONG, 7, 5, LONG]),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1000, LONG, 10 * LONG])
def test_a_line_that_is_too_long_becomes_several(sizes: list[int], lines: list[int], piece_bytes: int) -> None:
    """Each with the name before it; the same ones however the bytes come."""
    data = b"".join(b"x" * size + b"\n" for size in sizes)
    buffer = LineBuffer(b"p: ")
    shown = b"".join(
        whole for start in range(0, len(data), piece_bytes) for whole in buffer.put(data[start : start + piece_bytes])
    )
    assert buffer.end() == b""
    assert [len(line) for line in shown.splitlines()] == [len(b"p: ") + size for size in lines]


def test_a_line_is_not_cut_inside_a_character() -> None:
    """Of UTF-8; where it is none, at the byte."""
    cut = next(LineBuffer(b"").put(b"x" + "é".encode() * LONG))
    assert cut == b"x" + "é".encode() * (LONG // 2 - 1) + b"\n"
    assert next(LineBuffer(b"").put(b"\x80" * (LONG + 1))) == b"\x80" * LONG + b"\n"


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\r", b"\n"))))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_however_the_bytes_come_the_lines_are_the_same(pieces: list[bytes]) -> None:
    """Those of the whole, each once, all with an end."""
    buffer = LineBuffer(b"p: ")
    shown = b"".join(whole for piece in pieces for whole in buffer.put(piece)) + buffer.end()
    whole = b"".join(pieces)
    lines = whole.split(b"\n")[: None if whole and not whole.endswith(b"\n") else -1]
    assert shown == b"".join(b"p: " + line + b"\n" for line in lines)


def test_no_line_is_inside_another_though_many_write_at_once() -> None:
    """Stdout and stderr are one, as on a terminal, and it takes less at once than a line."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    places = pods(8)
    with presenter(ShowOptions(), places, Console(0, writer, writer)) as shown:

        def run(number: int) -> None:
            for _ in range(50):
                shown.stdout(places[number], b"o" * 50)
                shown.stderr(places[number], b"e" * 9000 + b"\n")
                shown.stdout(places[number], b"o" * 8000 + b"\n")
            shown.ended(ended(places[number]))

        def run_all() -> None:
            with ThreadPoolExecutor(len(places)) as pool:
                list(pool.map(run, range(len(places))))
            os.close(writer)

        runs = threading.Thread(target=run_all)
        runs.start()
        with os.fdopen(reader, "rb") as read:
            lines = sorted(read.read().splitlines())
        runs.join()
    known = [f"ran/du-{number}: {text}".encode() for number in range(8) for text in ("e" * 9000, "o" * 8050)]
    assert lines == sorted(known * 50)


def test_a_reader_of_stdout_that_pauses_holds_up_no_error(screen: Screen) -> None:
    """Where they are two files."""
    reader, writer = os.pipe()
    console = Console(0, writer, screen.console.stderr_fd)
    full = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    with presenter(ShowOptions(), [FIRST, SECOND], console) as shown:
        writes = threading.Thread(target=shown.stdout, args=(FIRST, b"x" * full + b"\n" + b"y\n" * full), daemon=True)
        writes.start()
        begun = os.read(reader, 1)
        shown.stderr(SECOND, b"error\n")
        assert screen.err == b"ran/du-1: error\n"
        assert begun
        while begun.count(b"y\n") < full:
            begun += os.read(reader, full)
        writes.join()
    os.close(reader)
    os.close(writer)


def test_a_stream_that_is_closed_is_told_when_it_is_written_to(screen: Screen) -> None:
    """``2>&-``: the other goes on."""
    with presenter(ShowOptions(), [FIRST], Console(0, screen.console.stdout_fd, 1_000_000)) as shown:
        shown.stdout(FIRST, b"x\n")
        with pytest.raises(OutputClosedError):
            shown.stderr(FIRST, b"y\n")
    assert screen.out == b"ran/du-0: x\n"


def test_that_nobody_reads_any_more_is_told() -> None:
    """To whoever writes next."""
    reader, writer = os.pipe()
    os.close(reader)
    shown = presenter(ShowOptions(), [FIRST], Console(0, writer, writer))
    with pytest.raises(OutputClosedError):
        shown.stdout(FIRST, b"x\n")
    os.close(writer)
