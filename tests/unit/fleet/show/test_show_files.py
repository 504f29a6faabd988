"""--output-dir: what each target printed as files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import OutputFileError, UsageError
from kubectl_nsexec.fleet.show import ShowOptions, files, presenter
from tests.unit.fleet.show.screen import Screen, descriptors, ended, not_started, place, pods

if TYPE_CHECKING:
    from kubectl_nsexec.fleet.result import Result
    from kubectl_nsexec.fleet.show import Shown

FIRST, SECOND = pods(2)
FULL = Path("/dev/full")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not there yet."""
    return tmp_path / "a" / "outputs"


def opened(folder: Path, screen: Screen) -> Shown:
    """A run in two pods, in the default mode."""
    return presenter(ShowOptions(output_dir=str(folder)), [FIRST, SECOND], screen.console)


def there(folder: Path) -> dict[str, bytes]:
    """Every file below the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_byte_is_in_its_file_as_it_comes(folder: Path, screen: Screen) -> None:
    """And nothing on stdout, as of pssh -o: the summary tells the rest."""
    with opened(folder, screen) as shown:
        shown.stdout(FIRST, b"\0\xff\r\nno end")
        assert there(folder)["ran/du-0/main.out"] == b"\0\xff\r\nno end"
        shown.stdout(FIRST, b" yet")
        shown.stderr(FIRST, b"oh\n")
        shown.ended(ended(FIRST, 2))
        shown.ended(ended(SECOND))
        shown.finish([])
    assert there(folder) == {
        "ran/du-0/main.out": b"\0\xff\r\nno end yet",
        "ran/du-0/main.err": b"oh\n",
        "ran/du-0/main.status": b"2\n",
        "ran/du-1/main.out": b"",
        "ran/du-1/main.err": b"",
        "ran/du-1/main.status": b"0\n",
    }
    assert screen.out + screen.err == b""


@pytest.mark.parametrize(
    ("result", "status", "outputs"),
    [
        (not_started(FIRST, "node not Ready"), b"none\nnode not Ready\n", 0),
        (ended(FIRST, None, "the connection was lost"), b"none\nthe connection was lost\n", 2),
        (ended(FIRST, 137, "ended by --max-duration", timed_out=True), b"137\nended by --max-duration\n", 2),
    ],
)
def test_a_status_says_why_there_is_none(
    folder: Path, screen: Screen, result: Result, status: bytes, outputs: int
) -> None:
    """On a second line; the first one is a number or none. What never started has no outputs."""
    with opened(folder, screen) as shown:
        shown.ended(result)
    assert there(folder)["ran/du-0/main.status"] == status
    assert len(there(folder)) == outputs + 1


@pytest.mark.parametrize(("mode", "words"), [("gather", b"ran/du-0 (1)"), ("group", b"ran/du-0"), ("json", b'"x\\n"')])
def test_another_mode_is_shown_beside_the_files(folder: Path, screen: Screen, mode: str, words: bytes) -> None:
    """For it was asked for."""
    options = ShowOptions(mode=mode, output_dir=str(folder))  # type: ignore[arg-type] # of the table
    with presenter(options, [FIRST, SECOND], screen.console) as shown:
        shown.stdout(FIRST, b"x\n")
        shown.stderr(FIRST, b"y\n")
        shown.ended(ended(FIRST))
        shown.finish([ended(FIRST)])
    assert there(folder)["ran/du-0/main.out"] == b"x\n"
    assert there(folder)["ran/du-0/main.err"] == b"y\n"
    assert words in screen.out


def test_folders_and_files_have_the_users_mode(folder: Path, screen: Screen) -> None:
    """As those of a redirection."""
    before = os.umask(0o027)
    try:
        with opened(folder, screen) as shown:
            shown.ended(ended(FIRST))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "ran/du-0/main.out")}
    assert modes == {"outputs": 0o750, "main.out": 0o640}


@pytest.mark.parametrize("ending", files.ENDINGS)
def test_the_files_of_an_earlier_run_are_not_overwritten(folder: Path, screen: Screen, ending: str) -> None:
    """Before anything is made; an empty one is nothing to lose, nor is another target's."""
    (folder / "ran/du-1").mkdir(parents=True)
    (folder / "ran/du-1/other.out").write_text("x")
    old = folder / f"ran/du-1/main.{ending}"
    old.touch()
    opened(folder, screen).close()
    old.write_text("x")
    (folder / "ran/du-0").rmdir()
    with pytest.raises(UsageError, match=rf"--output-dir: .*/ran/du-1/main\.{ending} is there already"):
        opened(folder, screen)
    assert not (folder / "ran/du-0").exists()


def test_what_is_no_file_is_not_written_to(folder: Path, screen: Screen) -> None:
    """A link could lead anywhere; a FIFO would wait for a reader."""
    (folder / "ran/du-0").mkdir(parents=True)
    (folder / "ran/du-0/main.out").symlink_to(folder / "elsewhere")
    with pytest.raises(UsageError, match="is there and is no file"):
        opened(folder, screen)
    (folder / "ran/du-0/main.out").unlink()
    shown = opened(folder, screen)
    (folder / "ran/du-0/main.out").symlink_to(folder / "elsewhere")  # meanwhile
    with pytest.raises(OutputFileError, match="Too many levels of symbolic links"):
        shown.stdout(FIRST, b"x")
    shown.close()
    assert not (folder / "elsewhere").exists()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../x", "A", "a\n", "-a", "a\0"])
def test_a_name_that_is_none_of_kubernetes_makes_no_path(folder: Path, screen: Screen, name: str) -> None:
    """The API server has refused it long before; nothing is made."""
    for where in (place(name), place(namespace=name), place(container=name)):
        with pytest.raises(UsageError, match="cannot be the name of a file there"):
            presenter(ShowOptions(output_dir=str(folder)), [where], screen.console)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(tmp_path: Path, screen: Screen) -> None:
    """What is in its way is a file, say."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="the folder .*/file/ran/du-0 cannot be made: Not a directory"):
        opened(tmp_path / "file", screen)
    (tmp_path / "f" / "ran").mkdir(parents=True)
    (tmp_path / "f" / "ran" / "du-0").write_text("x")
    with pytest.raises(UsageError, match="du-0 cannot be made: File exists"):
        opened(tmp_path / "f", screen)


def test_a_folder_that_may_not_be_written_is_told_before_anything_runs(
    folder: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may everywhere, so access(2) answers here."""
    monkeypatch.setattr("os.access", lambda path, mode: (path, mode) != (folder / "ran/du-1", os.W_OK | os.X_OK))
    with pytest.raises(UsageError, match="nothing can be written into .*/du-1: you may not"):
        opened(folder, screen)


def test_a_name_that_is_too_long_is_a_sentence(tmp_path: Path, screen: Screen) -> None:
    """Of the folder that was named."""
    with pytest.raises(UsageError, match="File name too long"):
        opened(tmp_path / ("x" * 300), screen)


def test_a_full_disk_is_a_sentence(folder: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full says what a full disk does."""
    monkeypatch.setattr(files, "_opened", lambda _: FULL.open("wb", buffering=0))
    with opened(folder, screen) as shown, pytest.raises(OutputFileError, match="could not be written: No space left"):
        shown.stdout(FIRST, b"x")
    with opened(folder, screen) as shown, pytest.raises(OutputFileError, match="could not be written: No space left"):
        shown.ended(ended(FIRST))


def test_only_those_that_run_have_open_files(folder: Path, screen: Screen) -> None:
    """Also where a run is given up half-way."""
    before = descriptors()
    with opened(folder, screen) as shown:
        shown.stdout(FIRST, b"x")
        assert descriptors() == before + 2
        shown.ended(ended(FIRST))
        assert descriptors() == before
        shown.stdout(SECOND, b"x")
    assert descriptors() == before


def test_what_comes_after_the_end_empties_no_file(folder: Path, screen: Screen) -> None:
    """A thread that was given up may still read of its stream."""
    with opened(folder, screen) as shown:
        shown.stdout(FIRST, b"all")
        shown.ended(ended(FIRST, None, "ended by Ctrl-C"))
        shown.stdout(FIRST, b"late")
        shown.stderr(FIRST, b"late")
        shown.stdout(SECOND, b"half")
    shown.stdout(SECOND, b"late")
    assert there(folder) == {
        "ran/du-0/main.out": b"all",
        "ran/du-0/main.err": b"",
        "ran/du-0/main.status": b"none\nended by Ctrl-C\n",
        "ran/du-1/main.out": b"half",
        "ran/du-1/main.err": b"",
    }
