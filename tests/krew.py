"""A user's krew in a home of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from testbed import binaries

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Home:
    """A clean home, with krew's folder in it and nothing else."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where krew links plugins; users have it on PATH."""
        return self.folder / ".krew/bin"

    @property
    def environment(self) -> dict[str, str]:
        """A user's environment: no Python is on PATH."""
        return {"HOME": str(self.folder), "PATH": f"{self.bin}:/usr/bin:/bin", "TMPDIR": str(self._temporary())}

    def krew(self, *words: str) -> str:
        """Run krew (the one that ``KREW`` names, else ours) and return its words; it has to succeed."""
        return self.run(os.environ.get("KREW") or str(binaries.KREW.ensure() / "krew"), *words)

    def install(self, manifest: Path, archive: Path) -> str:
        """Install from files, which is krew's own way to try a plugin before it is in an index."""
        return self.krew("install", f"--manifest={manifest}", f"--archive={archive}")

    def index(self, manifest: str) -> None:
        """Make MANIFEST what the plugin index has for nsexec, as ``krew update`` would."""
        plugins = self.folder / ".krew/index/default/plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        (plugins.parent / ".git").mkdir(exist_ok=True)  # krew takes an index without one for missing
        (plugins / "nsexec.yaml").write_text(manifest)

    def run(self, *argv: str, **more: str) -> str:
        """Run a program as that user and return stdout and stderr as one text; it has to succeed."""
        done = subprocess.run(
            argv,
            env={**self.environment, **more},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{argv}: status {done.returncode}: {done.stdout}"
        return done.stdout

    def caveat(self, which: int) -> str:
        """The WHICH-th command of the manifest's caveats, for a shell to paste it into."""
        receipt = yaml.safe_load((self.folder / ".krew/receipts/nsexec.yaml").read_text())
        commands: list[str] = re.findall(r"^ *(\(cd .*\))$", receipt["spec"]["caveats"], re.MULTILINE)
        return commands[which]

    def paste(self, command: str) -> None:
        """Do what COMMAND says in a shell."""
        self.run("bash", "-c", command)

    def left(self) -> set[str]:
        """Every file, link and plugin folder in the home, relative to it."""
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_symlink() or path.is_file() or path.parent.name == "store"
        }

    def _temporary(self) -> Path:
        folder = self.folder.parent / "tmp"
        folder.mkdir(exist_ok=True)
        return folder


def validated(manifest: Path, scratch: Path) -> tuple[int, str]:
    """What krew's own validate-krew-manifest says of MANIFEST (without installing it): status and words."""
    validate = binaries.KREW.ensure() / "validate-krew-manifest"
    named = scratch / "nsexec.yaml"  # the name has to be the plugin's
    shutil.copyfile(manifest, named)
    argv = [str(validate), f"--manifest={named}", "--skip-install"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ})
    return done.returncode, done.stdout + done.stderr
