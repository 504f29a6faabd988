"""What many commands print, shown or stored: ``presenter`` while they run, ``summary`` at the end.

It may import ``ui`` and ``model``, of ``fleet`` only ``result``. Begin with ``shown.Shown``; each way of
showing has a module of its own, imported when it is asked for. ``progress`` is the line on a terminal meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.fleet.show.ending import summary
from kubectl_nsexec.fleet.show.names import folded, labels
from kubectl_nsexec.fleet.show.shown import Shown
from kubectl_nsexec.model.fleet import ShowOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.result import Place
    from kubectl_nsexec.ui.console import Console

__all__ = ["ShowOptions", "Shown", "folded", "labels", "presenter", "summary"]


def presenter(options: ShowOptions, places: Sequence[Place], console: Console) -> Shown:
    """What is to be told of the outputs of the commands in ``places``; to be closed, as a context manager.

    With ``output_dir`` the default mode shows nothing beside the files, as ``pssh -o`` does; another mode shows what it
    always does. Raises UsageError before anything is made where files of an earlier run are in that folder.
    """
    if options.output_dir is None:
        return _on_console(options, places, console)
    from kubectl_nsexec.fleet.show.both import Both  # noqa: PLC0415 - only what is asked for: start-up time
    from kubectl_nsexec.fleet.show.files import Files  # noqa: PLC0415 - as above

    files = Files(options.output_dir, places)
    return files if options.mode == "lines" else Both(files, _on_console(options, places, console))


def _on_console(options: ShowOptions, places: Sequence[Place], console: Console) -> Shown:
    if options.mode == "gather":
        from kubectl_nsexec.fleet.show.gather import Gather  # noqa: PLC0415 - as above

        return Gather(options, places, console)
    if options.mode == "group":
        from kubectl_nsexec.fleet.show.blocks import Group  # noqa: PLC0415 - as above

        return Group(options, places, console)
    if options.mode == "json":
        from kubectl_nsexec.fleet.show.objects import Objects  # noqa: PLC0415 - as above

        return Objects(options, places, console)
    from kubectl_nsexec.fleet.show.lines import Lines  # noqa: PLC0415 - as above

    return Lines(options, places, console)
