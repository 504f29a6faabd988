"""What goes in, what comes out, and how it ended: on the host node, with the real API server between."""

from __future__ import annotations

import array
import fcntl
import hashlib
import os
import termios
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from tests.live.pods import guaranteed

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_READ_BYTES = 1024 * 1024
_PIPE_BYTES = 64 * 1024

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def pod(shared_pods: Pods, host_node: str) -> Pod:
    """A Guaranteed pod that owns the isolated CPU."""
    return shared_pods.start(guaranteed("du", node=host_node))


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 37", 37), ("exit 125", 125), ("kill -9 $$", 137), ("kill -15 $$", 143)],
)
def test_the_commands_status_is_ours(nsexec: Program, pod: Pod, script: str, status: int) -> None:
    """0 to 125 as they are, 128+n for signal n, and kubectl's line on stderr for all but 0."""
    done = nsexec(pod.name, "-n", pod.namespace, "--", "sh", "-c", script)
    assert done.status == status
    assert done.stderr == (f"command terminated with exit code {status}\n" if status else "")


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("/no/such/program", 127, 'exec: "/no/such/program": No such file or directory'),
        ("no-such-program", 127, 'exec: "no-such-program"'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": Permission denied'),
        ("/etc", 126, 'exec: "/etc": Permission denied'),
    ],
)
def test_a_command_that_cannot_be_executed_says_why(
    nsexec: Program, pod: Pod, command: str, status: int, words: str
) -> None:
    """127 when it is not there, 126 when it is but is no program."""
    done = nsexec(pod.name, "-n", pod.namespace, "--", command)
    assert done.status == status
    assert words in done.stderr


def test_stdout_and_stderr_stay_apart(nsexec: Program, pod: Pod) -> None:
    """Each byte comes out where the command wrote it, and nothing of ours is on stdout."""
    done = nsexec(pod.name, "-n", pod.namespace, "--", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == (b"out\n", "err\n")


def test_fifty_megabytes_in_arrive_whole(nsexec: Program, pod: Pod) -> None:
    """Piped stdin reaches the command byte for byte, and so does its end."""
    data = os.urandom(50 * MEGABYTE)
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", "sha256sum", stdin=data)
    assert done.text.split()[0] == hashlib.sha256(data).hexdigest()


def test_two_hundred_megabytes_come_out_whole(nsexec: Program, pod: Pod) -> None:
    """Random bytes through both directions at once, the same checksum."""
    data = os.urandom(50 * MEGABYTE) * 4
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", "cat", stdin=data)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_a_slow_reader_costs_no_memory(nsexec: Program, pod: Pod) -> None:
    """200 MB go through less than 100 MB of ours while the reader always lags behind: it slows the command down."""
    read, peak_kib = 0, 0
    with nsexec.start(pod.name, "-n", pod.namespace, "--", "head", "-c", "200000000", "/dev/zero") as process:
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), _READ_BYTES):
            read += len(data)
            if left := 200_000_000 - read:
                wait_until_readable(process.stdout, min(_PIPE_BYTES, left))
                peak_kib = peak_memory_kib(process.pid)
    assert (read, process.wait()) == (200_000_000, 0)
    assert 0 < peak_kib < 100 * 1024


def wait_until_readable(pipe: IO[bytes], wanted: int) -> None:
    """Until so many bytes wait in the pipe (FIONREAD, ioctl_tty(2)), of which it holds 64 KiB."""
    waiting = array.array("i", [0])
    deadline = time.monotonic() + 60
    while fcntl.ioctl(pipe, termios.FIONREAD, waiting) or waiting[0] < wanted:
        assert time.monotonic() < deadline, f"{waiting[0]} bytes wait, not {wanted}"
        time.sleep(0.0005)


def peak_memory_kib(pid: int) -> int:
    """The most that the process has had in memory so far (VmHWM, proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def test_a_command_that_writes_before_it_reads_does_not_deadlock(nsexec: Program, pod: Pod) -> None:
    """More than a pipe's worth out while as much waits to go in."""
    script = "head -c 5000000 /dev/zero; cat >/dev/null; echo read"
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", "sh", "-c", script, stdin=b"x" * 5_000_000)
    assert done.status == 0
    assert done.stdout.endswith(b"\0read\n")


def test_without_i_the_command_sees_an_empty_stdin(nsexec: Program, pod: Pod) -> None:
    """What is piped to us stays ours unless -i is given."""
    done = nsexec(pod.name, "-n", pod.namespace, "--", "wc", "-c", stdin=b"not for the command")
    assert done.text.strip() == "0"


@pytest.mark.parametrize(
    "arguments",
    [
        [
            b"a b",
            b"it's",
            b'"',
            b"new\nline",
            b"$(id)",
            b"`id`",
            b"",
            b"*",
            b"\\",
            b"-n",
            b"--",
            b"\xff\xfe",
            b"$$ $(x)",
        ],
        [b"x" * 100_000],
    ],
)
def test_arguments_arrive_as_they_were_given(nsexec: Program, pod: Pod, arguments: list[bytes]) -> None:
    """No shell anywhere on the way: blanks, quotes, newlines, $(), an empty string, bytes that are no UTF-8."""
    script = 'for word; do printf "%s|" "$word"; done'
    done = nsexec(pod.name, "-n", pod.namespace, "--", "sh", "-c", script, "sh", *arguments)
    assert done.stdout == b"".join(word + b"|" for word in arguments)


def test_a_reader_that_leaves_ends_the_command(nsexec: Program, pod: Pod) -> None:
    """``| head -1``: the endless command ends, quietly, with the status of a broken pipe."""
    with nsexec.start(pod.name, "-n", pod.namespace, "--", "yes") as client:
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stdout.readline() == b"y\n"
        client.stdout.close()
        assert client.wait(60) == 141
        assert client.stderr.read() == b""
