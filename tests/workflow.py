"""The release workflow's jobs, run here: each shell step as it stands there, with stand-ins for GitHub's actions."""

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

FILE: Final = REPOSITORY / ".github/workflows/release.yml"
TOKEN: Final = "t0ken"
_EXPRESSION: Final = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
_VALUES: Final = {
    "github.token": TOKEN,
    "matrix.platform": str(this_platform()),
    # The job of this platform without its container: there is no AlmaLinux here.
    "matrix.container": "",
    "!matrix.container": "true",
    "matrix.container && '--glibc 2.28' || ''": "",
}
"""What the workflow's expressions are here. One that is not in it fails, so that none is guessed."""
_SHELLS: Final = {None: ("bash", "-e"), "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail")}
"""https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell."""
_GH: Final = '#!/bin/bash\n[ "$GH_TOKEN" = %s ] && printf "%%s\\0" "$@" > %s\n'


def jobs() -> dict[str, dict[str, Any]]:
    """The jobs of the file, each by its name."""
    read: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["jobs"]
    return read


class Runner:
    """What a push of TAG to the repository ORIGIN starts; SCRATCH is an empty folder."""

    def __init__(self, origin: Checkout, tag: str, scratch: Path) -> None:
        self.origin, self.tag, self.scratch = origin, tag, scratch
        self.artifacts = scratch / "artifacts"
        self.published = scratch / "published"
        """The arguments of ``gh``, each ended by a NUL."""
        for folder in ("bin", "home"):
            (scratch / folder).mkdir(parents=True)
        (scratch / "bin/gh").write_text(_GH % (TOKEN, self.published))
        (scratch / "bin/gh").chmod(0o755)

    def run(self, name: str) -> str:
        """Run the job NAME in a folder of its own and return what its shell steps wrote; each has to succeed."""
        job = jobs()[name]
        here = self.scratch / name
        here.mkdir()
        shell = job.get("defaults", {}).get("run", {}).get("shell")
        said = ""
        for step in job["steps"]:
            if "if" in step and not _filled(f"${{{{ {step['if'].strip('${} ')} }}}}"):
                continue
            if "run" in step:
                said += self._shell(_filled(step["run"]), here, step.get("shell", shell), step.get("env", {}))
            else:
                self._actions()[step["uses"].split("@")[0]](here, step.get("with", {}))
        return said

    def _shell(self, script: str, here: Path, shell: str | None, more: Mapping[str, str]) -> str:
        done = subprocess.run(
            [*_SHELLS[shell], "-c", script],
            cwd=here,
            env={**self._environment(here), **{name: _filled(value) for name, value in more.items()}},
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
            "GITHUB_REF_NAME": self.tag,
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
        self.origin.git("clone", "--quiet", *depth, f"--branch={self.tag}", f"file://{self.origin.root}", str(here))

    def _setup_python(self, _: Path, __: dict[str, Any]) -> None:
        """The one that runs the tests, whatever version is asked for."""
        for name in ("python", "python3"):
            link = self.scratch / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(Path(sys.executable).resolve())

    def _upload(self, here: Path, asked: dict[str, Any]) -> None:
        shutil.copytree(here / asked["path"], self.artifacts / _filled(asked["name"]))

    def _download(self, here: Path, asked: dict[str, Any]) -> None:
        assert "name" not in asked, "one artifact alone lies in the folder itself"
        shutil.copytree(self.artifacts, here / asked["path"])


def _filled(text: str) -> str:
    return _EXPRESSION.sub(lambda found: _VALUES[found[1]], text)
