"""What is said of an error's code."""

from __future__ import annotations

from typing import NamedTuple

from kubectl_nsexec.errors import EXIT_OWN_FAILURE


class ErrorPage(NamedTuple):
    """What a code means, what usually causes it and what to do next, in sentences; ``exit_status`` is the process's."""

    meaning: str
    causes: tuple[str, ...]
    steps: tuple[str, ...]
    exit_status: int = EXIT_OWN_FAILURE

    @property
    def summary(self) -> str:
        """The first sentence of what it means."""
        return self.meaning.partition(". ")[0].rstrip(".") + "."
