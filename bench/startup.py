"""How long `oc nsexec --help` takes, and how long until the API server hears the first bytes, warm and as installed."""

import platform
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.commands import environment, kubectl, run, timed
from bench.errors import BenchError
from bench.results import Result, ratio_of_pairs, seconds, verdict
from testbed import binaries, pki, tarball
from testbed.paths import API_SERVER
from testbed.progress import say

RUNS: Final = 21
HELP_RATIO: Final = 3.0
REQUEST_RATIO: Final = 8.0
_USER: Final = "bench"
_PATIENCE_SECONDS: Final = 20.0
_ROOT: Final = Path(__file__).resolve().parent.parent
_GO_NAMES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def measure() -> list[Result]:
    """Run ours and kubectl in turn; every ratio is of two runs that followed each other.

    No cluster is asked. Raises BenchError, ClusterError.
    """
    binaries.KUBERNETES.ensure()
    with tempfile.TemporaryDirectory() as folder:
        pki.certificate(_USER, _USER, _USER)
        kubeconfig = pki.kubeconfig(Path(folder, "kubeconfig"), _USER, API_SERVER)
        programs = {"wheel": _from_wheel(Path(folder, "wheel"))}
        if archive := _newest_archive():
            programs["archive"] = _from_archive(archive, Path(folder, "archive"))
        else:
            say("start-up: dist/ has no archive for this machine (make dist), so only the wheel is measured")
        return [result for name, program in programs.items() for result in _measured(name, str(program), kubeconfig)]


def _measured(name: str, program: str, kubeconfig: Path) -> list[Result]:
    say(f"start-up of the {name}, {RUNS} times each")
    asked = (program, f"--kubeconfig={kubeconfig}", "pod")
    version = kubectl("version", "--client")
    # The other one stands between ours: what else the machine does then meets both.
    rounds = [(timed([program, "--help"]), timed(version), _until_heard(asked)) for _ in range(RUNS + 1)]
    helps, others, requests = zip(*rounds[1:], strict=True)  # the first run warms up
    return [
        _result(f"{name}: --help", helps, others, HELP_RATIO),
        _result(f"{name}: first request", requests, others, REQUEST_RATIO),
    ]


def _result(what: str, ours: Sequence[float], others: Sequence[float], most: float) -> Result:
    ratio = ratio_of_pairs(ours, others)
    against = f"kubectl version --client {seconds(others)}"
    return Result(
        f"start-up of the {what}", seconds(ours), against, f"{ratio:.2f}", f"≤ {most:g}", verdict(reached=ratio <= most)
    )


def _until_heard(argv: Sequence[str]) -> float:
    """Return how long it takes until a server hears the first bytes of ARGV (s); then it hangs up, and ARGV ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_PATIENCE_SECONDS)
        words = [*argv, f"--server=https://127.0.0.1:{server.getsockname()[1]}", "--", "true"]
        began = time.monotonic()
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()) as ours:
            try:
                heard = _first_bytes(server)
            except OSError as error:
                ours.kill()
                raise BenchError(f"oc nsexec asked nothing: {ours.communicate()[1].decode().strip()}") from error
            ours.kill()
        return heard - began


def _first_bytes(server: socket.socket) -> float:
    with server.accept()[0] as link:
        link.settimeout(_PATIENCE_SECONDS)
        if link.recv(1):
            return time.monotonic()
    raise ConnectionError("it connected and said nothing")


def _from_wheel(folder: Path) -> Path:
    """Return the program of a wheel of this checkout, installed as pip does it beside the libraries of this Python."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(_ROOT)])
    venv.create(folder / "venv")
    (wheel,) = folder.glob("*.whl")
    run([*pip, f"--python={folder / 'venv/bin/python'}", "install", "--no-deps", "--no-index", str(wheel)])
    (packages,) = folder.glob("venv/lib/python*/site-packages")
    (libraries,) = Path(sys.prefix).glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "venv/bin/oc-nsexec"


def _newest_archive() -> Path | None:
    """Return what `make dist` made for this machine, if it did."""
    machine = platform.machine()
    found = (_ROOT / "dist").glob(f"kubectl-nsexec-*-linux-{_GO_NAMES.get(machine, machine)}.tar.gz")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _from_archive(archive: Path, folder: Path) -> Path:
    """Return the program in ARCHIVE, unpacked."""
    with tarfile.open(archive) as opened:
        tarball.unpack(opened, folder)
    return folder / "kubectl-nsexec/kubectl-nsexec"
