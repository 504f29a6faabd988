"""Files by tar and rsync through a pipe, by the commands of docs/how-to/copy-files.md as they stand there.

API server, kubelet and ssh are fakes, the container is this machine: client, tar and rsync are the real ones.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.behaviours import Transport
from tests.conformance.fakes import fake_stand
from tests.conformance.trees import MEGABYTE, fill, tree

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/copy-files.md"
CODE = [line.removeprefix("    ") for line in PAGE.read_text().splitlines() if line.startswith("    ")]
RSH = "\n".join(CODE[CODE.index("#!/bin/sh") :][:5]) + "\n"
"""The script that rsync takes for ssh."""
IN_THE_CONTAINER = "/tmp/"


def command(beginning: str) -> str:
    """The line of the page that begins so."""
    (found,) = (line for line in CODE if line.startswith(beginning))
    return found


@pytest.fixture(params=Transport, ids=lambda transport: transport.value.replace(" ", "-"))
def run(request: pytest.FixtureRequest, shim: Path, tmp_path: Path) -> Callable[[str], None]:
    """Runs a line of the page where ``conf`` and ``copy`` are; the container's /tmp is ``inside``."""
    for folder in ("conf", "copy", "inside", "bin"):
        (tmp_path / folder).mkdir()
    _program(tmp_path / "nsexec-rsh", RSH)

    def line(text: str) -> None:
        folder = tmp_path / f"session-{secrets.token_hex(4)}"  # a fake node has room for one
        folder.mkdir()
        with fake_stand(request.param, shim, folder) as stand:
            client = f'cd {shlex.quote(str(ROOT))}\nexec {shlex.join(stand.argv())} "$@"\n'
            _program(tmp_path / "bin/oc", f"#!/bin/sh\nshift\n{client}")
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", text.replace(IN_THE_CONTAINER, f"{tmp_path}/inside/")],
                cwd=tmp_path,
                env={**stand.environment, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()

    return line


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_one_file_in_and_out(run: Callable[[str], None], tmp_path: Path) -> None:
    """By cat, byte for byte."""
    (tmp_path / "du.conf").write_bytes(os.urandom(MEGABYTE))
    run(command("oc nsexec -i du-0 -- sh -c 'cat"))
    run(command("oc nsexec du-0 -- cat"))
    assert (tmp_path / "copy.conf").read_bytes() == (tmp_path / "du.conf").read_bytes()


def test_a_folder_in_and_out_by_tar(run: Callable[[str], None], tmp_path: Path) -> None:
    """With all that is in it."""
    fill(tmp_path / "conf")
    run(command("tar c -C conf . | oc nsexec -i du-0 -- sh"))
    assert tree(tmp_path / "inside/conf") == tree(tmp_path / "conf")
    run(command("oc nsexec du-0 -- tar c -C /tmp/conf"))
    assert tree(tmp_path / "copy") == tree(tmp_path / "conf")


def test_a_folder_in_and_out_by_rsync(run: Callable[[str], None], tmp_path: Path) -> None:
    """And once more, when little has changed."""
    fill(tmp_path / "conf")
    run(command("rsync -a -e ./nsexec-rsh conf/"))
    (tmp_path / "conf/program").write_bytes(b"#!/bin/sh\ntrue\n")
    run(command("rsync -a -e ./nsexec-rsh conf/"))
    assert tree(tmp_path / "inside/conf") == tree(tmp_path / "conf")
    run(command("rsync -a --partial -e ./nsexec-rsh du-0:"))
    assert tree(tmp_path / "copy") == tree(tmp_path / "conf")
