"""argv to request, error to exit status. The only place that exits."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_nsexec import plain_line, terminal, via, wanted
from kubectl_nsexec import request as requests
from kubectl_nsexec.background import import_ahead
from kubectl_nsexec.console import Console, OutputClosedError, with_quiet
from kubectl_nsexec.errors import NsexecError, UsageError
from kubectl_nsexec.interrupts import Interrupts, SignalReceived

if TYPE_CHECKING:
    from kubectl_nsexec.cluster import Cluster
    from kubectl_nsexec.given import Given

_EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, as a command that the reader left."""


def main(argv: list[str], console: Console | None = None) -> int:
    """Runs the command line ``argv`` (``argv[0]`` is how we were called) and returns the exit status."""
    console = console or Console()
    interrupts = Interrupts()
    before, after = requests.split_at_dashes(argv[1:])
    try:
        with interrupts.as_exceptions():
            return _run(before, after, _program_name(argv[0]), console, interrupts)
    except SignalReceived as received:
        return 128 + received.number
    except OutputClosedError:
        return _EXIT_BROKEN_PIPE
    except NsexecError as error:
        console.say(error.rendered())
        return error.exit_status


def _program_name(called: str) -> str:
    """``oc nsexec`` or ``kubectl nsexec``, as the user called us (plugins are executables OC-NAME)."""
    name = Path(called).name
    return "kubectl nsexec" if name.startswith("kubectl") else "oc nsexec"


def _run(before: list[str], after: list[str] | None, program: str, console: Console, interrupts: Interrupts) -> int:
    given = _given(before, program)
    if given is None or _shown(given, program, console):
        return 0
    user_terminal = terminal.find(console.stdin_fd, console.stdout_fd)
    on_terminal = user_terminal is not None
    asked = wanted.request(given, after, program, stdin_fd=console.stdin_fd, on_terminal=on_terminal)
    console = with_quiet(console, asked.quiet)
    if isinstance(asked, requests.CleanupRequest):
        from kubectl_nsexec import cleanup  # noqa: PLC0415 - as below

        return cleanup.run(asked, console)
    from kubectl_nsexec import plan  # noqa: PLC0415 - not for --help

    request = requests.settle_tty(asked, console.notice, terminal=on_terminal)
    cluster = _cluster(request, console, interrupts)
    from kubectl_nsexec.caretaker import Caretaker  # noqa: PLC0415 - as below

    needed = request.via.kind == via.POD and not request.dry_run
    with interrupts.deferred():  # what a handler raises in the middle of os.fork is swallowed there
        caretaker = Caretaker.forked(cluster, needed=needed)
    with closing(caretaker):
        import_ahead("kubectl_nsexec.session")  # while the API server is at work
        planned = plan.make(request, cluster)
        from kubectl_nsexec import session  # noqa: PLC0415 - half of the tool

        tty = user_terminal if request.tty else None
        return session.run(request, cluster, planned, console, interrupts, tty, caretaker)


def _given(words: list[str], program: str) -> Given | None:
    """None where they only asked for --help, which was printed."""
    if given := plain_line.read(words, os.environ):
        return given
    from kubectl_nsexec import command_line  # noqa: PLC0415 - half of a start

    return command_line.read(words, program)


def _shown(given: Given, program: str, console: Console) -> bool:
    """Whether nothing is to be run: --options and --version."""
    if given.options:
        from kubectl_nsexec import command_line  # noqa: PLC0415 - as above

        console.print(command_line.options())
    elif given.version:
        from kubectl_nsexec import versions  # noqa: PLC0415 - only for --version

        console.print(versions.shown(program))
    return given.options or given.version


def _cluster(request: requests.Request, console: Console, interrupts: Interrupts) -> Cluster:
    from kubectl_nsexec.cluster import load  # noqa: PLC0415 - not for --help

    try:
        return load(request.connection, console.say, interrupts.pending)
    except UsageError as error:
        if request.via.kind == via.LOCAL:
            error.message += (
                "; --via local asks the API server for the pod, too: bring a kubeconfig of yours to the node"
            )
        raise
