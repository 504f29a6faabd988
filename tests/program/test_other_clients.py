"""Clients that are no Linux: nothing is imported or called that they lack, as far as that can be shown on Linux.

Each run is a process of its own that has become Windows, or macOS, before it imports the tool.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.fake_console import CODE_PAGE, COOKED_INPUT, COOKED_OUTPUT
from tests.unit.fake_session import GREETING, FakeSession, fake_session

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
TYPED = ["l", "\u00e9\x03"]
_RUN = f"""\
import sys
# What is not ours may look at the system as it is.
import tabulate, tempfile, typer, urllib.request, urllib3, websocket, websockets.frames, yaml
import typer.main, encodings.idna, subprocess, ctypes.wintypes, multiprocessing.pool
from kubernetes.client import ApiClient
from tests.unit import fake_console
system, report = sys.argv[1:3]
kernel32 = fake_console.FakeKernel32(*{TYPED!r})
fake_console.become_windows(kernel32) if system == "windows" else fake_console.become_macos()
from kubectl_nsexec.cli import app
status = app.main(["oc-nsexec", *sys.argv[3:]])
import json, pathlib
pathlib.Path(report).write_text(json.dumps([kernel32.modes, kernel32.code_page, kernel32.while_reading]))
sys.exit(status)
"""

systems = pytest.mark.parametrize("system", ["windows", "macos"])


@pytest.fixture
def session() -> Iterator[FakeSession]:
    """A cluster with a target."""
    with fake_session() as made:
        yield made


def run(
    system: str, folder: Path, *words: str, stdin: int | None = None, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The tool on SYSTEM; FOLDER gets a file ``report`` about its console."""
    argv = [sys.executable, "-c", _RUN, system, str(folder / "report"), *words]
    return subprocess.run(argv, cwd=ROOT, stdin=stdin, input=given, capture_output=True, check=False, timeout=60)


def target(session: FakeSession, *words: str) -> list[str]:
    """Words for a run in the target of SESSION."""
    return ["--server", session.url, "-n", "ran", "du-0", "--cpus", "0-1", *words]


def frames(data: bytes) -> list[tuple[bytes, bytes]]:
    """(letter, content) of what a client with a terminal sends (agent.typed, agent.window)."""
    found = []
    while data:
        end = 3 + int.from_bytes(data[1:3], "big")
        found.append((data[:1], data[3:end]))
        data = data[end:]
    return found


@systems
@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        (("--help",), 0, b"Usage: oc nsexec", b""),
        (("--options",), 0, b"--client-key", b""),
        (("--version",), 0, b"oc nsexec ", b""),
        (("--no-such-flag",), 1, b"", b"No such option"),
        ((), 1, b"", b"must be specified"),
        (("-v=x", "p", "--", "true"), 1, b"", b"invalid argument"),
    ],
)
def test_words_are_answered(
    system: str, tmp_path: Path, words: tuple[str, ...], status: int, out: bytes, err: bytes
) -> None:
    """Help and bad input, as anywhere."""
    done = run(system, tmp_path, *words, stdin=subprocess.DEVNULL)
    assert (done.returncode, out in done.stdout, err in done.stderr) == (status, True, True), done


@pytest.mark.parametrize("way", ["ssh", "local"])
def test_a_way_that_windows_does_not_have_is_refused(tmp_path: Path, way: str) -> None:
    """Before anything is asked."""
    done = run("windows", tmp_path, "--via", way, "du-0", "--", "true", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr[: done.stderr.find(b";")]) == (
        1,
        f"error: --via {way} does not work on Windows".encode(),
    )


@systems
def test_a_pipe_is_passed_on_to_its_end(system: str, tmp_path: Path, session: FakeSession) -> None:
    """Binary, and more than any buffer holds."""
    content = bytes(range(256)) * 4096
    done = run(system, tmp_path, *target(session, "-i", "--", "cat"), given=content)
    assert (done.returncode, done.stdout, done.stderr) == (0, GREETING + content, b"")
    assert len(session.deleted) == len(session.helpers) == 1


@systems
def test_a_file_is_passed_on_to_its_end(system: str, tmp_path: Path, session: FakeSession) -> None:
    """As ``< FILE``."""
    content = tmp_path / "content"
    content.write_bytes(b"abc\r\n\x1a\n")
    with content.open("rb") as file:
        done = run(system, tmp_path, *target(session, "-i", "--", "cat"), stdin=file.fileno())
    assert (done.returncode, session.stdin) == (0, b"abc\r\n\x1a\n")


@systems
def test_keys_inside_a_kubeconfig_are_used(system: str, tmp_path: Path, session: FakeSession) -> None:
    """Without memfd_create(2) they are in a private file, which is gone afterwards."""
    certificate = {"client-certificate-data": "QQ==", "client-key-data": "Qg=="}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": session.url}}],
        "users": [{"name": "u", "user": certificate}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    words = target(session, "--kubeconfig", str(tmp_path / "config"), "--", "true")
    done = run(system, tmp_path, *words, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, GREETING), done


def test_a_console_of_windows_is_raw_while_the_command_has_it(tmp_path: Path, session: FakeSession) -> None:
    """Keys travel as frames, after the window's size; then the console is as it was before."""
    outer, inner = os.openpty()
    done = run("windows", tmp_path, *target(session, "-it", "--", "sh"), stdin=inner)
    os.close(outer)
    os.close(inner)
    assert done.returncode == 0, done
    modes, code_page, while_reading = json.loads((tmp_path / "report").read_text())
    assert ([*modes.values()], code_page) == ([COOKED_INPUT, COOKED_OUTPUT], CODE_PAGE)
    assert while_reading
    assert all(not read[0] & 0x7 and read[2] == 65001 for read in while_reading)
    (kind, size), *keys = frames(session.stdin)
    assert (kind, size) == (b"w", bytes(4))
    assert {kind for kind, _ in keys} == {b"d"}
    assert b"".join(content for _, content in keys) == "".join(TYPED).encode()
