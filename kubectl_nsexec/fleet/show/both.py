"""Outputs that go to two: to files, and on to what is shown."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from kubectl_nsexec.fleet.show.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Place, Result


class Both(Shown):
    """The first has everything before the second: files are whole even where nobody reads on."""

    def __init__(self, first: Shown, second: Shown) -> None:
        self._each = (first, second)

    def stdout(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        for one in self._each:
            one.stdout(place, data)

    def stderr(self, place: Place, data: bytes) -> None:
        """See ``Shown``."""
        for one in self._each:
            one.stderr(place, data)

    def ended(self, result: Result) -> None:
        """See ``Shown``."""
        for one in self._each:
            one.ended(result)

    def finish(self, results: Sequence[Result]) -> None:
        """See ``Shown``."""
        for one in self._each:
            one.finish(results)

    def close(self) -> None:
        """See ``Shown``."""
        with ExitStack() as stack:
            for one in self._each:
                stack.callback(one.close)
