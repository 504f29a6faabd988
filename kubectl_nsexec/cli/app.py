"""argv to request, error to exit status. The only place that exits."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_nsexec.cli import parser, validate
from kubectl_nsexec.errors import NsexecError, OutputFileError, UsageError
from kubectl_nsexec.model import request as requests
from kubectl_nsexec.model import via
from kubectl_nsexec.model.background import import_ahead
from kubectl_nsexec.ui import terminal, waiting, width
from kubectl_nsexec.ui.console import Console, OutputClosedError, with_quiet
from kubectl_nsexec.ui.interrupts import Interrupts, SignalReceived

if TYPE_CHECKING:
    from kubectl_nsexec.cli.options import Options
    from kubectl_nsexec.kube import Cluster

_EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, as a command that the reader left."""


def main(argv: list[str], console: Console | None = None) -> int:
    """Runs the command line ``argv`` (``argv[0]`` is how we were called) and returns the exit status."""
    console = console or Console()
    interrupts = Interrupts()
    program = program_name(argv[0])
    before, after = requests.split_at_dashes(argv[1:])
    try:
        with interrupts.as_exceptions():
            return _run(before, after, program, console, interrupts)
    except SignalReceived as received:
        return 128 + received.number
    except OutputClosedError as closed:
        if not closed.is_full:
            return _EXIT_BROKEN_PIPE
        return _told(OutputFileError(f"the output is not complete, it cannot be written: {closed}"), console, program)
    except NsexecError as error:
        return _told(error, console, program)


def _told(error: NsexecError, console: Console, program: str) -> int:
    """Its exit status, once the user knows."""
    console.say(error.told(program))
    return error.exit_status


def program_name(called: str) -> str:
    """``oc nsexec`` or ``kubectl nsexec``, as the user called us (plugins are executables OC-NAME)."""
    name = Path(called).name
    return "kubectl nsexec" if name.startswith("kubectl") else "oc nsexec"


def _run(before: list[str], after: list[str] | None, program: str, console: Console, interrupts: Interrupts) -> int:
    try:
        options = parser.read(before, program)
    except OSError as error:  # of --help, which typer prints
        raise OutputClosedError.of(error) from error
    if options is None or _shown(options, program, console):
        return 0
    user_terminal = terminal.find(console.stdin_fd, console.stdout_fd)
    on_terminal = user_terminal is not None
    asked = validate.request(options, after, program, stdin_fd=console.stdin_fd, on_terminal=on_terminal)
    console = with_quiet(console, asked.quiet)
    if isinstance(asked, requests.CleanupRequest):
        from kubectl_nsexec.session import cleanup  # noqa: PLC0415 - as below

        return cleanup.run(asked, console)
    if isinstance(asked, requests.CheckRequest):
        return _checked(asked, console, interrupts)
    from kubectl_nsexec.session import plan  # noqa: PLC0415 - not for --help

    request = requests.settle_tty(asked, console.notice, terminal=on_terminal)
    waits = waiting.on_terminal(console, os.environ)
    cluster = _cluster(request, waits.console, interrupts)
    from kubectl_nsexec.helper.reaper import Reaper  # noqa: PLC0415 - as below

    needed = request.via.kind == via.POD and not request.dry_run
    with interrupts.deferred():  # what a handler raises in the middle of os.fork is swallowed there
        reaper = Reaper.forked(cluster, needed=needed)
    with closing(reaper):
        if request.fleet is not None:
            from kubectl_nsexec.fleet import run as fleet  # noqa: PLC0415 - as below

            return fleet.run(request, request.fleet, cluster, console, interrupts, reaper, waits)
        import_ahead("kubectl_nsexec.session.run")  # while the API server is at work
        with waits:  # not before: the process has forked, and an exec plugin has asked what it wants to know
            planned = plan.make(request, cluster, waits)
            from kubectl_nsexec.session import run  # noqa: PLC0415 - half of the tool

            tty = user_terminal if request.tty else None
            return run.run(request, cluster, planned, console, interrupts, tty, reaper, waits)


def _checked(asked: requests.CheckRequest, console: Console, interrupts: Interrupts) -> int:
    from kubectl_nsexec.check import run as check  # noqa: PLC0415 - not for a command

    if asked.on_node is None:
        return check.run(asked, console)
    cluster = _cluster(asked.on_node, console, interrupts)
    from kubectl_nsexec.helper.reaper import Reaper  # noqa: PLC0415 - as above

    with interrupts.deferred():  # as for a command
        reaper = Reaper.forked(cluster)
    with closing(reaper):
        from kubectl_nsexec.fleet.looks import NodeLooks  # noqa: PLC0415 - as above

        waits = waiting.on_terminal(console, os.environ)
        looks = NodeLooks(asked.on_node, cluster, waits.console, reaper)
        return check.check(asked, console, lambda: cluster, looks, waits)


def _shown(options: Options, program: str, console: Console) -> bool:
    """Whether nothing is to be run: --explain, --options and --version."""
    columns = width.of_text(console.stdout_fd)
    if options.explain is not None:
        from kubectl_nsexec.cli import explain  # noqa: PLC0415 - as below

        console.print(explain.shown(options.explain, program, columns))
        return True
    if options.options:
        console.print(parser.options(columns))
    elif options.version:
        from kubectl_nsexec.cli import version  # noqa: PLC0415 - only for --version

        console.print(version.shown(program))
    return options.options or options.version


def _cluster(request: requests.Request, console: Console, interrupts: Interrupts) -> Cluster:
    from kubectl_nsexec.kube import load  # noqa: PLC0415 - not for --help

    try:
        return load(request.connection, console.say, interrupts.pending)
    except UsageError as error:
        if request.via.kind == via.LOCAL:
            error.message += (
                "; --via local asks the API server for the pod, too: bring a kubeconfig of yours to the node"
            )
        raise
