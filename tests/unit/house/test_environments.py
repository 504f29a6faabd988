"""The Python environments that are kept for every checkout, and the copy that each has of its tools."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from testbed import environment, once
from tools import env

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PYTHON = """#!/bin/sh
for made; do :; done
mkdir -p $made/bin
printf '%s\\n' '#!/bin/sh' 'echo "$*" >>{told}; exec {pip}' >$made/bin/pip
chmod +x $made/bin/pip
ln -s "$0" $made/bin/python3
"""
"""python3 -m venv FOLDER, whose pip notes what it is told."""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A requirements file."""
    made = tmp_path / "requirements.txt"
    made.write_text("one==1\n")
    return made


@pytest.fixture
def ensure(tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes what the lock names, where pip ends so; and tmp_path/told has what that was told."""
    monkeypatch.setattr(environment, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(once, "CACHE", tmp_path / "cache")

    def made(pip: str = "true") -> Path:
        python = tmp_path / "python"
        python.write_text(_PYTHON.format(told=tmp_path / "told", pip=pip))
        python.chmod(0o755)
        called = tmp_path / "called"
        called.unlink(missing_ok=True)
        called.symlink_to(python)
        monkeypatch.setattr(sys, "executable", str(called))
        return environment.ensure("tools", lock, environment.locked(lock))

    return made


def test_it_is_made_once(ensure: Callable[..., Path], tmp_path: Path, lock: Path) -> None:
    """Of the lock, with its digests; the next one who asks has the same."""
    assert ensure() == ensure("false") == environment.folder("tools", lock, environment.locked(lock))
    assert (
        tmp_path / "told"
    ).read_text() == f"install --quiet --disable-pip-version-check --require-hashes -r {lock}\n"


def test_one_that_is_half_made_is_made_again(ensure: Callable[..., Path], tmp_path: Path) -> None:
    """Whoever asks hears that pip has failed."""
    with pytest.raises(subprocess.CalledProcessError):
        ensure("false")
    ensure()
    assert len((tmp_path / "told").read_text().splitlines()) == 2


def test_it_outlives_the_name_by_which_its_python_was_called(ensure: Callable[..., Path], tmp_path: Path) -> None:
    """Links to a Python may be gone tomorrow; and where the Python itself has gone, it is made again."""
    python = ensure() / "bin/python3"
    assert python.readlink() == tmp_path / "python"
    python.unlink()
    assert (ensure() / "bin/python3").exists()
    assert len((tmp_path / "told").read_text().splitlines()) == 2


def test_another_lock_has_another_one(ensure: Callable[..., Path], lock: Path) -> None:
    """What is kept is never changed: another checkout uses it."""
    first = ensure()
    lock.write_text("one==2\n")
    assert ensure() != first


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """An environment with a script, one of the shell's, a program and a library."""
    made = tmp_path / "kept"
    (made / "bin").mkdir(parents=True)
    (made / "library.py").write_text("word = 'kept'\n")
    (made / "pyvenv.cfg").write_text(f"command = python3 -m venv {made}\n")
    (made / "bin/python3").symlink_to(sys.executable)
    (made / "bin/activate").write_text(f"VIRTUAL_ENV={made}\n")
    (made / "bin/program").write_bytes(b"\x7fELF\xff")
    script = made / "bin/tool"
    script.write_text(f"#!{made}/bin/python3\nimport sys\nprint(sys.executable, sys.argv[1:])\n")
    script.chmod(0o755)
    return made


@pytest.mark.parametrize("name", ["copy", "a folder with spaces", "long" * 50])
def test_a_copy_runs_by_its_own_python(kept: Path, tmp_path: Path, name: str) -> None:
    """Whatever its path: a script may name no interpreter with a space or of more than 127 bytes (execve(2))."""
    into = tmp_path / name
    env.copy(kept, into)
    told = subprocess.run([into / "bin/tool", "a b"], capture_output=True, text=True, check=True).stdout
    assert told == f"{into}/bin/python3 ['a b']\n"
    assert (into / "bin/activate").read_text() == f"VIRTUAL_ENV={into}\n"
    assert (into / "pyvenv.cfg").read_text() == f"command = python3 -m venv {into}\n"
    assert (into / "bin/program").read_bytes() == (kept / "bin/program").read_bytes()


def test_a_copy_takes_no_room_and_leaves_the_kept_one_as_it_was(kept: Path, tmp_path: Path) -> None:
    """Its libraries are the same files; what is different has a file of its own."""
    before = (kept / "bin/tool").read_text()
    into = tmp_path / "copy"
    (into / "of-before").mkdir(parents=True)
    env.copy(kept, into)
    assert (into / "library.py").samefile(kept / "library.py")
    assert (kept / "bin/tool").read_text() == before
    assert not (into / "of-before").exists()


def test_a_copy_on_another_file_system_is_one(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the files cannot be the same ones."""
    cp = tmp_path / "cp"
    cp.write_text('#!/bin/sh\ncase $* in *--link*) mkdir "$4"; exit 1 ;; esac\nexec /bin/cp "$@"\n')
    cp.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    env.copy(kept, tmp_path / "copy")
    assert (tmp_path / "copy/library.py").read_text() == "word = 'kept'\n"
    assert not (tmp_path / "copy/library.py").samefile(kept / "library.py")
