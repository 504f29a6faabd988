"""On the host node: files by tar and rsync through a pipe, and what a command wrote before its time was over."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed import images
from testbed.paths import REPOSITORY
from tests.conformance.trees import fill, tree
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

FOLDERS = ("/usr", "/lib", "/lib64")
"""Of this machine: Debian's own rsync and tar, with their libraries."""
MEGABYTES = 20
TIME_OVER = 124


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns the isolated CPU and has rsync."""
    mounts = [{"name": path[1:], "mountPath": path, "readOnly": True} for path in FOLDERS]
    volumes = [{"name": path[1:], "hostPath": {"path": path, "type": "Directory"}} for path in FOLDERS]
    own = container(images.BUSYBOX, cpus=1, volumeMounts=mounts)
    return shared_pods.start(pod("copies", own, node=host_node, volumes=volumes))


@pytest.fixture
def run(nsexec: Program, target: Pod, tmp_path: Path) -> Callable[[str], None]:
    """Runs a line where ``conf`` and ``copy`` are, ``oc`` is ours and ``nsexec-rsh`` is what rsync takes for ssh."""
    for folder in ("conf", "copy", "bin"):
        (tmp_path / folder).mkdir()
    client = f"cd {shlex.quote(str(REPOSITORY))}; exec {shlex.join(nsexec.argv)} -n {target.namespace} -q"
    _program(tmp_path / "bin/oc", f'#!/bin/sh\nshift\n{client} "$@"\n')
    _program(tmp_path / "nsexec-rsh", '#!/bin/sh\npod=$1\nshift\nexec oc nsexec -i "$pod" -- sh -c "$*"\n')
    environment = {**nsexec.variables(), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}

    def line(text: str) -> None:
        argv = ["bash", "-o", "pipefail", "-c", text]
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()

    return line


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_a_folder_in_and_out_by_tar(run: Callable[[str], None], target: Pod, tmp_path: Path) -> None:
    """With all that is in it."""
    fill(tmp_path / "conf", MEGABYTES)
    run(f"tar c -C conf . | oc nsexec -i {target.name} -- sh -c 'mkdir -p /tmp/tar && tar x -C /tmp/tar'")
    run(f"oc nsexec {target.name} -- tar c -C /tmp/tar . | tar x -C copy")
    assert tree(tmp_path / "copy") == tree(tmp_path / "conf")


def test_a_folder_in_and_out_by_rsync(run: Callable[[str], None], target: Pod, tmp_path: Path) -> None:
    """And once more, when little has changed."""
    fill(tmp_path / "conf", MEGABYTES)
    run(f"rsync -a -e ./nsexec-rsh conf/ {target.name}:/tmp/rsync/")
    (tmp_path / "conf/program").write_bytes(b"#!/bin/sh\ntrue\n")
    run(f"rsync -a -e ./nsexec-rsh conf/ {target.name}:/tmp/rsync/")
    run(f"rsync -a --partial -e ./nsexec-rsh {target.name}:/tmp/rsync/ copy/")
    assert tree(tmp_path / "copy") == tree(tmp_path / "conf")


def test_what_a_command_wrote_before_its_time_was_over_arrives(nsexec: Program, target: Pod) -> None:
    """As of tcpdump, which writes what it still has when it is told to end."""
    script = "trap 'echo last; exit 0' TERM; echo first; sleep 1000 & wait"
    done = nsexec(target.name, "-n", target.namespace, "--max-duration=2s", "--", "sh", "-c", script)
    assert (done.status, done.stdout) == (TIME_OVER, b"first\nlast\n"), done.stderr
    assert done.words == "error: the command was ended after 2s (--max-duration)\n"
