"""``kubectl_complete-nsexec`` as a program: what it does when something goes wrong, and how little it loads."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cli.completion import candidates, main
from kubectl_nsexec.ui.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.fake_api import FakeApi


@pytest.mark.parametrize(
    "line",
    [
        ("-n", "forbidden", ""),
        ("-s", "http://127.0.0.1:1", ""),
        ("--context", "none", ""),
        ("--kubeconfig", "/nowhere", "--context", ""),
        ("--nonsense", ""),
        ("--stdin=maybe", ""),
        ("nodes/",),
        ("gone", "-c", ""),
        ("--request-timeout=soon", ""),
    ],
)
def test_what_goes_wrong_is_one_line_on_stderr(
    kubeconfig: Path, capfd: pytest.CaptureFixture[str], line: tuple[str, ...]
) -> None:
    """And the error directive on stdout, whatever is in the server's words."""
    assert kubeconfig.exists()
    main.run([*line], Console())
    out, err = capfd.readouterr()
    assert out == f":{candidates.ERROR}\n"
    assert len(err.splitlines()) == 1
    assert err.rstrip("\n").isprintable()


def test_a_server_that_says_nothing_is_given_up(
    kubeconfig: Path, capfd: pytest.CaptureFixture[str], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that takes so long."""
    assert kubeconfig.exists()
    over = threading.Event()
    monkeypatch.setattr(api, "answer", lambda _: (over.wait(), (200, {}))[1])
    main.run([""], Console(), limit_seconds=0.1)
    over.set()
    assert capfd.readouterr() == (f":{candidates.ERROR}\n", "error: nothing came within 0.1 s\n")


def test_the_program_ends_well_even_in_error(kubeconfig: Path) -> None:
    """With another status kubectl would throw the directive away, and its stdin is the user's terminal: left alone."""
    code = "from kubectl_nsexec.cli.completion.main import main; main()"
    argv = [sys.executable, "-c", code, "--kubeconfig", str(kubeconfig), "-n", "no", ""]
    done = subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, b":1\n")


def test_a_flag_is_completed_without_the_kubernetes_client(kubeconfig: Path) -> None:
    """Importing it takes longer than everything else together; only what the API server is asked for needs it."""
    code = """
import sys
from kubectl_nsexec.cli.completion import main
from kubectl_nsexec.ui.console import Console
main.run(sys.argv[1:], Console())
slow = {"kubernetes", "pydantic", "requests", "websocket", "websockets", "tabulate"} & set(sys.modules)
sys.exit(f"imported: {slow}" if slow else 0)
"""
    argv = [sys.executable, "-c", code, "--kubeconfig", str(kubeconfig), "--contai"]
    done = subprocess.run(argv, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"--container\t")
