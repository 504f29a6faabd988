"""The one entry point of ``oc-nsexec``, ``kubectl-nsexec`` and ``python -m kubectl_nsexec``."""

# Nothing but what Python has by itself is imported here: Ctrl-C is ours to answer only once main has begun.
import _signal  # type: ignore[import-not-found]  # see early_signals
import gc
import os
import sys

TYPE_CHECKING = False  # typing takes longer to import than all that a plain line takes to be read
if TYPE_CHECKING:
    from typing import NoReturn

    from kubectl_nsexec.ui.console import Console

_GARBAGE_OBJECTS = 100_000
"""So many new objects and no fewer make Python look for cycles: nearly all that a start makes stays, and looking for
what does not took a tenth of the time."""


def main() -> "NoReturn":
    """Runs the process's own command line and exits with its status."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no word of Python's while the next line is imported
    from kubectl_nsexec.ui import early_signals  # noqa: PLC0415 - see above

    early_signals.end_the_process()
    _open_standard_streams()
    gc.set_threshold(_GARBAGE_OBJECTS, *gc.get_threshold()[1:])
    from kubectl_nsexec.cli import app  # noqa: PLC0415 - see above
    from kubectl_nsexec.ui.console import Console  # noqa: PLC0415 - as above
    from kubectl_nsexec.ui.quick_exit import quick_exit  # noqa: PLC0415 - as above

    try:
        status = app.main(sys.argv)
    except Exception as error:  # noqa: BLE001 - the outermost place
        status = _defect(error, Console(), app.program_name(sys.argv[0]))
    quick_exit(status)


def _open_standard_streams() -> None:
    """As Go's runtime does: what we open must not become a stdout that was closed, or the command would write to it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # noqa: PERF203 - three times
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free


def _defect(error: BaseException, console: "Console", program: str) -> int:
    """A mistake of ours: one sentence with what to report, instead of a traceback at 3 a.m."""
    from kubectl_nsexec.errors import DefectError  # noqa: PLC0415 - as above

    if os.environ.get("NSEXEC_TRACEBACK"):
        raise error
    defect = DefectError(
        f"nsexec has a defect ({type(error).__name__}: {error}); "
        "please report it with the output of the same command under NSEXEC_TRACEBACK=1"
    )
    console.say(defect.told(program))
    return defect.exit_status


if __name__ == "__main__":
    main()
