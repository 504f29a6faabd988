"""Wheel and sdist, by the build backend of pyproject.toml in this environment: nothing is fetched."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from release.errors import ReleaseError
from release.names import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def build(into: Path, source: Path = ROOT) -> tuple[Path, Path]:
    """Write the sdist of SOURCE and, made from that sdist alone, the wheel; return (wheel, sdist).

    Raises ReleaseError with the backend's last words.
    """
    into.mkdir(parents=True, exist_ok=True)
    epoch = str(made_at(source))
    run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), str(source)],
        cwd=into,
        environment={"SOURCE_DATE_EPOCH": epoch},
    )
    return _newest(into, "*.whl"), _newest(into, "*.tar.gz")


def install(wheel: Path, site: Path) -> None:
    """Install WHEEL alone into the folder SITE; its dependencies are in this environment."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    run(pip, cwd=wheel.parent)


def made_at(source: Path = ROOT) -> int:
    """SOURCE_DATE_EPOCH as given, else the last commit's time, else hatchling's own constant: seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        return int(given)
    git = ["git", "-C", str(source), "log", "-1", "--format=%ct"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 1580601600


def sha256(path: Path) -> str:
    """64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(argv: list[str], cwd: Path, environment: dict[str, str] | None = None, umask: int = -1) -> None:
    """Run ARGV in CWD (``umask`` -1: ours). Raises ReleaseError with its last words when it fails."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        umask=umask,
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(argv[:4])} … ended with status {done.returncode}:\n{done.stdout[-2000:]}")


def _newest(folder: Path, pattern: str) -> Path:
    """Of a kind that BUILD has just written; platform archives of an earlier run may lie beside it."""
    return max(folder.glob(f"kubectl_nsexec-{pattern}"), key=lambda path: path.stat().st_mtime_ns)
