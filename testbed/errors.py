"""The one error of the test bed, and what is said of any other."""

import traceback

from testbed.paths import LOG


class ClusterError(Exception):
    """The test bed cannot go on; the message says what was tried, what was found and what to do next."""


def unexpected(error: BaseException) -> str:
    """A sentence for an error that nobody has foreseen; its traceback goes into a file of the log folder."""
    words = f"this should not have happened: {type(error).__name__}: {error}".strip().splitlines()[0]
    try:
        LOG.mkdir(parents=True, exist_ok=True)
        file = LOG / "traceback"
        file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return words
    return f"{words}; please report it with {file}"
