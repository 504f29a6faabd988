"""One call at the same time as the rest, or many."""

from __future__ import annotations

import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar

from kubectl_nsexec.errors import NsexecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
V = TypeVar("V")


class Background(Generic[T]):
    """Runs ``call`` in a thread that never holds the process back: an interrupt need not wait for a slow server."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._values: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._values.append(self._call())
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            self._error = error

    def result(self, timeout_seconds: float | None = None) -> T:
        """What the call returned, waiting for it; raises what it raised, or TimeoutError."""
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"nothing came within {timeout_seconds:g} s")
        if self._error is not None:
            raise self._error
        return self._values[0]


def import_ahead(module: str) -> None:
    """Begins to import a module that is needed soon, while something else is waited for."""
    Background(partial(import_module, module))


def each(call: Callable[[V], T], values: Sequence[V], lanes: int) -> list[T | NsexecError]:
    """What ``call`` makes of each of ``values``, or the error of our family that it raised; so many at a time.

    Raises anything else that was raised, the first of them.
    """
    left = iter(enumerate(values))
    made: dict[int, T | NsexecError] = {}
    taking = threading.Lock()

    def lane() -> None:
        while True:
            with taking:
                taken = next(left, None)
            if taken is None:
                return
            at, value = taken
            try:
                made[at] = call(value)
            except NsexecError as error:
                made[at] = error

    for running in [Background(lane) for _ in range(min(lanes, len(values)))]:
        running.result()
    return [made[at] for at in range(len(values))]
