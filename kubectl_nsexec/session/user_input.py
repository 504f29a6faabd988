"""What the user's side gives to a command: stdin, or the keys of a terminal and the sizes of its window."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubectl_nsexec.protocol import commands
from kubectl_nsexec.ui.sources import Source, of_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.transport.channels import RemoteStream
    from kubectl_nsexec.ui.terminal import Terminal


@contextmanager
def sources(context: Context, session: RemoteStream, terminal: Terminal | None) -> Iterator[list[Source]]:
    """Where the command's stdin comes from; a terminal is raw meanwhile, and its sizes go to ``session``."""
    if terminal:
        with _of_terminal(session, terminal) as both:
            yield both
    elif context.request.stdin and context.request.command:
        yield [of_descriptor(context.console.stdin_fd)]
    else:
        yield []


@contextmanager
def _of_terminal(session: RemoteStream, terminal: Terminal) -> Iterator[list[Source]]:
    with terminal.resizes() as resized:

        def window() -> bytes:
            resized.read()
            return commands.window(*terminal.size())

        # It may have changed since the command was given its first.
        session.send_stdin(commands.window(*terminal.size()))
        with terminal.raw():
            typed = terminal.keys()

            def keys() -> bytes | None:
                data = typed.read()
                return commands.typed(data) if data else data

            yield [Source(typed.fd, keys), Source(resized.fd, window)]
