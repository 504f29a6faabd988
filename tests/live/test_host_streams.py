"""What goes in, what comes out, and how it ended: on the host node, with the real API server between."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from tests.live.pods import guaranteed

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]


MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def pod(shared_pods: Pods, host_node: str) -> Pod:
    """A Guaranteed pod that owns the isolated CPU."""
    return shared_pods.start(guaranteed("du", node=host_node))


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


def test_fifty_megabytes_in_arrive_whole(nsexec: Program, pod: Pod) -> None:
    """Piped stdin reaches the command byte for byte, and so does its end."""
    data = os.urandom(50 * MEGABYTE)
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", "sha256sum", stdin=data)
    assert done.text.split()[0] == hashlib.sha256(data).hexdigest()


def test_a_command_that_closes_its_stdout_reads_all_of_its_stdin(nsexec: Program, pod: Pod) -> None:
    """As dd does with ``of=``. With plain exec containerd 2.2 takes that for the end, and cuts stdin off."""
    count = "dd of=/dev/null bs=1M iflag=fullblock"
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", *count.split(), stdin=bytes(50 * MEGABYTE))
    assert (done.status, done.stderr.splitlines()[0]) == (0, "50+0 records in")


def test_two_hundred_megabytes_come_out_whole(nsexec: Program, pod: Pod) -> None:
    """Random bytes through both directions at once, the same checksum."""
    data = os.urandom(50 * MEGABYTE) * 4
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", "cat", stdin=data)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_a_command_that_writes_before_it_reads_does_not_deadlock(nsexec: Program, pod: Pod) -> None:
    """More than a pipe's worth out while as much waits to go in."""
    script = "head -c 5000000 /dev/zero; cat >/dev/null; echo read"
    done = nsexec(pod.name, "-n", pod.namespace, "-i", "--", "sh", "-c", script, stdin=b"x" * 5_000_000)
    assert done.status == 0
    assert done.stdout.endswith(b"\0read\n")


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
