"""A checkout to throw away, for what the tests may not do to this one: commit, tag, release."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from release import env
from testbed.paths import CACHE, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_SOMEBODY = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_NOBODYS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
_HERE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SOURCE_DATE_EPOCH", "VIRTUAL_ENV")
"""What the run that these tests are part of would put into theirs."""


@dataclass(frozen=True)
class Checkout:
    """A repository of one commit: this checkout's files as they are now, committed or not."""

    root: Path

    @classmethod
    def of_this_one(cls, root: Path) -> Checkout:
        """Make one in the folder ROOT."""
        git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(git, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, listed):
            if (REPOSITORY / name).is_file():  # not one that is deleted and not yet committed
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, root / name)
        made = cls(root)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit()
        return made

    def copy(self, root: Path) -> Checkout:
        """The same again in the folder ROOT."""
        shutil.copytree(self.root, root, symlinks=True)
        return Checkout(root)

    def git(self, *words: str) -> str:
        """Run git there; it has to succeed."""
        return self.run("git", *words)

    def run(self, *argv: str) -> str:
        """Run a program there and return its stdout; it has to succeed."""
        done = self.attempt(*argv)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program there as somebody who has this checkout only."""
        kept = {name: value for name, value in os.environ.items() if name not in _HERE}
        caches = {"XDG_CACHE_HOME": str(CACHE.parent), "NSEXEC_BUILD_CACHE": str(CACHE / "links")}
        environment = {**kept, **caches, **_SOMEBODY, **_NOBODYS}
        return subprocess.run(argv, cwd=self.root, env=environment, capture_output=True, text=True, check=False)

    def change(self, name: str, pattern: str, by: str) -> None:
        """Replace the first match of PATTERN in the file NAME; there has to be one."""
        text, count = re.subn(pattern, by, (self.root / name).read_text(), count=1, flags=re.MULTILINE)
        assert count == 1, f"{name} has no {pattern}"
        (self.root / name).write_text(text)

    def commit(self) -> None:
        """All that has changed."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")

    def prepare(self, version: str, day: str) -> None:
        """The first step of docs/how-to/releasing.md, and the commit after it."""
        self.change("CHANGELOG.md", r"^## .*$", f"## {version}, {day}")
        self.change("kubectl_nsexec/__init__.py", r'^__version__ = ".*"$', f'__version__ = "{version}"')
        self.run(str(env.folder() / "bin/python"), "-m", "release", "manifest")
        self.commit()
