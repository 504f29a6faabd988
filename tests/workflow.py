"""The workflows' jobs, run here: each shell step as it stands there, with stand-ins for GitHub's actions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from release.names import this_platform
from testbed.paths import CACHE, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.checkout import Checkout

FILES: Final = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
CI, NIGHTLY, RELEASE = (REPOSITORY / f".github/workflows/{name}.yml" for name in ("ci", "nightly", "release"))
TOKEN: Final = "t0ken"
_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
_VALUES: Final = {
    "github.token": TOKEN,
    "matrix.platform": str(this_platform()),
    # The job of this platform without its container: there is no AlmaLinux here.
    "matrix.container": "",
    "!matrix.container": "true",
    "matrix.container && '--glibc 2.28' || ''": "",
    "always()": "true",
}
"""What the workflows' expressions are here, but for a row of a matrix. One that is not in it fails: none is guessed."""
_SHELLS: Final = {None: ("bash", "-e"), "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail")}
"""https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell."""
_GH: Final = '#!/bin/bash\n[ "$GH_TOKEN" = %s ] && printf "%%s\\0" "$@" > %s\n'
_SUDO: Final = '#!/bin/bash\nexec env --ignore-environment HOME="$HOME" PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"\n'
"""Hands on what Debian's and Ubuntu's do, which is next to nothing."""
_MAKE: Final = '#!/bin/bash\nset -e\n%s --dry-run "$@" >/dev/null\necho "${CI:-} $*" >> %s\n'


def read(file: Path) -> dict[str, Any]:
    """The workflow in FILE."""
    content: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {"on": content.pop(True), **content}  # the word is a truth value in YAML 1.1, which PyYAML reads


def jobs(file: Path = RELEASE) -> dict[str, dict[str, Any]]:
    """The jobs of the workflow in FILE, each by its name."""
    of_it: dict[str, dict[str, Any]] = read(file)["jobs"]
    return of_it


def matrix(job: Mapping[str, Any]) -> list[dict[str, str]]:
    """What JOB runs with, time by time: ``matrix.NAME`` → its value. Only the kinds that are in use."""
    rows = job.get("strategy", {}).get("matrix", {})
    if "include" in rows:
        assert [*rows] == ["include"]
        return [{f"matrix.{name}": str(value) for name, value in row.items()} for row in rows["include"]]
    assert len(rows) <= 1
    return [{f"matrix.{name}": value} for name, values in rows.items() for value in values] or [{}]


class Runner:
    """What a push of REF, a branch or a tag, to the repository ORIGIN starts; SCRATCH is an empty folder."""

    def __init__(self, origin: Checkout, ref: str, scratch: Path, file: Path = RELEASE) -> None:
        self.origin, self.ref, self.scratch, self.file = origin, ref, scratch, file
        self._values: Mapping[str, str] = _VALUES
        self.artifacts = scratch / "artifacts"
        self.published = scratch / "published"
        """The arguments of ``gh``, each ended by a NUL."""
        for folder in ("bin", "home"):
            (scratch / folder).mkdir(parents=True)
        self._program("gh", _GH % (TOKEN, self.published))
        self._program("sudo", _SUDO)

    def pretend_to_make(self) -> None:
        """From here on ``make`` makes nothing: it only has to know its targets, and ``made`` tells of them."""
        self._program("make", _MAKE % (shutil.which("make"), self.scratch / "made"))

    def made(self) -> list[str]:
        """What ``make`` was asked for since it pretends, each after the value of CI that it was told."""
        return (self.scratch / "made").read_text().splitlines()

    def _program(self, name: str, script: str) -> None:
        (self.scratch / "bin" / name).write_text(script)
        (self.scratch / "bin" / name).chmod(0o755)

    def run(self, name: str, row: Mapping[str, str] | None = None) -> str:
        """Run the job NAME in a folder of its own and return what its shell steps wrote; each has to succeed.

        ROW is one of its ``matrix``; without it the values are those of this machine.
        """
        job = jobs(self.file)[name]
        self._values = {**_VALUES, **(row or {})}
        here = self.scratch / "-".join([name, *(row or {}).values()])
        here.mkdir()
        shell = job.get("defaults", {}).get("run", {}).get("shell")
        said = ""
        for step in job["steps"]:
            if "if" in step and not self._filled(f"${{{{ {step['if'].strip('${} ')} }}}}"):
                continue
            if "run" in step:
                said += self._shell(self._filled(step["run"]), here, step.get("shell", shell), step.get("env", {}))
            else:
                self._actions()[step["uses"].split("@")[0]](here, step.get("with", {}))
        return said

    def _shell(self, script: str, here: Path, shell: str | None, more: Mapping[str, str]) -> str:
        done = subprocess.run(
            [*_SHELLS[shell], "-c", script],
            cwd=here,
            env={**self._environment(here), **{name: self._filled(value) for name, value in more.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}"
        return done.stdout

    def _environment(self, here: Path) -> dict[str, str]:
        temporary = self.scratch / f"{here.name}-temp"
        temporary.mkdir(exist_ok=True)
        network = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return {
            **network,
            "CI": "true",
            "GITHUB_REF_NAME": self.ref,
            "HOME": str(self.scratch / "home"),
            "PATH": f"{self.scratch / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "RUNNER_TEMP": str(temporary),
            "XDG_CACHE_HOME": str(CACHE.parent),
        }

    def _actions(self) -> dict[str, Callable[[Path, dict[str, Any]], None]]:
        return {
            "actions/checkout": self._checkout,
            "actions/setup-python": self._setup_python,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
        }

    def _checkout(self, here: Path, asked: dict[str, Any]) -> None:
        depth = [] if asked.get("fetch-depth") == 0 else ["--depth=1"]
        self.origin.git("clone", "--quiet", *depth, f"--branch={self.ref}", f"file://{self.origin.root}", str(here))

    def _setup_python(self, _: Path, __: dict[str, Any]) -> None:
        """The one that runs the tests, whatever version is asked for."""
        for name in ("python", "python3"):
            link = self.scratch / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(Path(sys.executable).resolve())

    def _upload(self, here: Path, asked: dict[str, Any]) -> None:
        shutil.copytree(here / asked["path"], self.artifacts / self._filled(asked["name"]))

    def _download(self, here: Path, asked: dict[str, Any]) -> None:
        assert "name" not in asked, "one artifact alone lies in the folder itself"
        shutil.copytree(self.artifacts, here / asked["path"])

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._values[found[1]], text)
