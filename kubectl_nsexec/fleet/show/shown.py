"""What every way of showing the output of many commands has in common."""

from __future__ import annotations

import os
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.ui.console import Console


class Shown(AbstractContextManager["Shown"]):
    """A ``fleet.result.Presenter`` that holds files: it has to be closed, and is a context manager for that."""

    @abstractmethod
    def stdout(self, place: Place, data: bytes) -> None:
        """See ``fleet.result.Presenter``, also below."""

    @abstractmethod
    def stderr(self, place: Place, data: bytes) -> None:
        """The same of stderr."""

    @abstractmethod
    def ended(self, result: Result) -> None:
        """Once per target, after its last bytes."""

    def finish(self, results: Sequence[Result]) -> None:
        """All ended."""

    def close(self) -> None:
        """Nothing stays open. May be called at any time, and twice."""

    def __exit__(self, *_: object) -> None:
        self.close()


def one_file(console: Console) -> bool:
    """Whether stdout and stderr are the same file: a terminal, or ``2>&1``."""
    try:
        first, second = os.fstat(console.stdout_fd), os.fstat(console.stderr_fd)
    except OSError:  # closed (``>&-``): the next write says so
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
