"""dshbak(1) of pdsh and clubak(1) of clustershell, the programs themselves, read the lines that many pods print."""

from __future__ import annotations

import os
import subprocess
from typing import Final

import pytest

from kubectl_nsexec.fleet.result import Place, Result
from kubectl_nsexec.fleet.show import ShowOptions, folded, labels, presenter
from kubectl_nsexec.ui.console import Console

pytestmark = pytest.mark.host_node  # make test-host installs them

_SECONDS: Final = 60
PLACES: Final = [Place("ran", f"du-{number:02}", "dpdk", "worker-1", "0-1", "--cpus") for number in range(12)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What twelve pods print, one of which differs, mixed as they come and without a last end of a line."""
    path = tmp_path_factory.mktemp("fleet") / "stdout"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with presenter(ShowOptions(color="never"), PLACES, Console(0, fd, fd)) as shown:
        for place in PLACES:
            shown.stdout(place, b"kernel: 6.1.0" if place.pod != "du-03" else b"kernel: 5.14")
        for place in reversed(PLACES):
            shown.stdout(place, b"-rt\n\n  indented")
            shown.ended(Result(place, 0, "", "2026-11-28T10:00:00.000Z", 1.0, None))
    os.close(fd)
    return path.read_bytes()


def run(argv: list[str], stdin: bytes) -> str:
    """What the program says of the lines."""
    done = subprocess.run(argv, input=stdin, capture_output=True, check=False, timeout=_SECONDS)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_dshbak_gathers_the_lines(printed: bytes) -> None:
    """With names folded as we fold them ourselves."""
    rule = "-" * 16
    assert run(["dshbak", "-c"], printed) == (
        f"{rule}\nran/du-[00-02,04-11]\n{rule}\nkernel: 6.1.0-rt\n\n  indented\n"
        f"{rule}\nran/du-03\n{rule}\nkernel: 5.14-rt\n\n  indented\n"
    )


def test_clubak_gathers_the_lines(printed: bytes) -> None:
    """It has only to be told of the space."""
    rule = "-" * 15
    assert run(["clubak", "-b", "-S", ": "], printed) == (
        f"{rule}\nran/du-[00-02,04-11] (11)\n{rule}\nkernel: 6.1.0-rt\n\n  indented\n"
        f"{rule}\nran/du-03\n{rule}\nkernel: 5.14-rt\n\n  indented\n"
    )


def test_nodeset_expands_our_folded_names() -> None:
    """To the same names, and folds them as we do."""
    names = sorted(labels(PLACES).values())
    assert run(["nodeset", "--expand", folded(names)], b"").split() == names
    assert run(["nodeset", "--fold", *names], b"").strip() == folded(names) == "ran/du-[00-11]"
