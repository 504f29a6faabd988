"""Outputs as files (``--output-dir``): FOLDER/NAMESPACE/POD/CONTAINER.out, .err and .status."""

from __future__ import annotations

import os
import re
import stat
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from kubectl_nsexec.errors import OutputFileError, UsageError
from kubectl_nsexec.fleet.show.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kubectl_nsexec.fleet.result import Place, Result

ENDINGS: Final = ("out", "err", "status")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""A DNS subdomain (RFC 1123), as the API server has every namespace, pod and container named."""
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Files(Shown):
    """Written as it comes, byte by byte what the command printed; folders and files with the mode that umask(2) gives.

    ``.status`` has the exit status, or ``none`` and on a second line why, where the command did not run or its end is
    unknown; that ``--max-duration`` ended it stands there as well.
    """

    def __init__(self, folder: str, places: Sequence[Place]) -> None:
        """Makes the folders. Raises UsageError before that where a file is there already, or the folder cannot be."""
        self._stems = {place: _stem(Path(folder), place) for place in places}
        self._lock = threading.Lock()
        self._open: dict[Place, _Pair] = {}
        self._over: set[Place] = set()
        _refuse_what_is_there(self._stems.values())
        for parent in dict.fromkeys(stem.parent for stem in self._stems.values()):
            _make(parent)

    def stdout(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        if pair := self._pair(place):
            _write(pair.stdout, data)

    def stderr(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        if pair := self._pair(place):
            _write(pair.stderr, data)

    def ended(self, result: Result) -> None:
        """See ``Shown``."""
        place = result.place
        if result.started:
            self._pair(place)  # one that printed nothing has two empty files
        with self._lock:
            pair = self._open.pop(place, None)
            self._over.add(place)
        if pair:
            pair.close()
        status = "none" if result.status is None else result.status
        words = f"{status}\n{result.cause}".rstrip("\n") + "\n"
        with _opened(_file(self._stems[place], "status")) as file:
            _write(file, words.encode())

    def close(self) -> None:
        """See ``Shown``."""
        with self._lock:
            for pair in self._open.values():
                pair.close()
            self._open.clear()
            self._over.update(self._stems)

    def _pair(self, place: Place) -> _Pair | None:
        """None once that target has ended: to open them again would empty them."""
        with self._lock:
            if place in self._over:
                return None
            pair = self._open.get(place)
            if pair is None:
                pair = self._open[place] = _pair(self._stems[place])
            return pair


class _Pair(NamedTuple):
    """The files of a target that runs."""

    stdout: IO[bytes]
    stderr: IO[bytes]

    def close(self) -> None:
        """See ``Shown``."""
        for file in self:
            with _explained(file.name):
                file.close()


def _pair(stem: Path) -> _Pair:
    with ExitStack() as stack:
        files = _Pair(*(stack.enter_context(_opened(_file(stem, ending))) for ending in ENDINGS[:2]))
        stack.pop_all()
        return files


def _stem(folder: Path, place: Place) -> Path:
    for name in (place.namespace, place.pod, place.container):
        if not _NAME.fullmatch(name):
            raise UsageError(f'--output-dir: "{name}" cannot be the name of a file there')
    return folder / place.namespace / place.pod / place.container


def _file(stem: Path, ending: str) -> Path:
    return stem.parent / f"{stem.name}.{ending}"


def _refuse_what_is_there(stems: Iterable[Path]) -> None:
    """Raises UsageError for a file with something in it, and for what is no file."""
    for stem in stems:
        for ending in ENDINGS:
            path = _file(stem, ending)
            try:
                found = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise UsageError(f"--output-dir: {path}: {error.strerror or error}") from error
            if not stat.S_ISREG(found.st_mode):
                raise UsageError(f"--output-dir: {path} is there and is no file; name another folder")
            if found.st_size:
                raise UsageError(f"--output-dir: {path} is there already; name another folder, or delete it")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output-dir: the folder {folder} cannot be made: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"--output-dir: nothing can be written into {folder}: you may not")


def _opened(path: Path) -> IO[bytes]:
    with _explained(path):
        return open(path, "wb", buffering=0, opener=lambda name, _: os.open(name, _FLAGS, 0o666))


def _write(file: IO[bytes], data: bytes) -> None:
    """All of it; near the end of a disk less is taken than was given."""
    view = memoryview(data)
    with _explained(file.name):
        while view:
            view = view[file.write(view) :]


@contextmanager
def _explained(path: object) -> Iterator[None]:
    """An OSError as a sentence: a full disk is the common one."""
    try:
        yield
    except OSError as error:
        raise OutputFileError(f"--output-dir: {path} could not be written: {error.strerror or error}") from error
