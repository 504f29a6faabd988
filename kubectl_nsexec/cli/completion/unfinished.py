"""An unfinished command line, read by the tool's own option parser: what is there, and what comes next."""

from __future__ import annotations

from typing import Any

import typer

from kubectl_nsexec.cli import argv as arguments
from kubectl_nsexec.cli.completion.candidates import Flag, UnfinishedLine
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model.request import split_at_dashes


def read(command: Any, words: list[str]) -> UnfinishedLine:  # noqa: ANN401 - typer's copy of click is private
    """``words`` are those after ``nsexec``; the last, which may be empty, is the one to be completed.

    ``command`` is ``parser.parser()``. Raises UsageError when what stands before cannot be understood.
    """
    *before, last = words or [""]
    # Not make_context, which would convert values as well, and load pydantic for that.
    context = command.context_class(command, **command.context_settings)
    options = [option for option in command.get_params(context) if option.param_type_name == "option"]
    flags = tuple(_flag(option) for option in options)
    before, dashes = split_at_dashes(before)
    if dashes is not None:
        return UnfinishedLine(last, {}, flags, of_command=True)
    flag, equals, value = last.partition("=")
    if last.startswith("-") and equals:
        before, last = [*before, flag], value
    switches = {word for option in flags if option.is_switch for word in option.words}
    plain = arguments.plain(before, switches)
    parser = command.make_parser(context)
    try:
        values = parser.parse_args(list(plain))[0]
    except typer.TyperException as error:
        named = str(getattr(error, "option_name", ""))
        awaited = next((option for option in flags if named in option.words), None)
        if awaited is None or awaited.is_switch:
            raise UsageError(str(error)) from error
        values = parser.parse_args(_without_last_option(plain))[0]
        return UnfinishedLine(last, values, flags, awaited=awaited)
    return UnfinishedLine(last, values, flags, of_switch=bool(flag.startswith("-") and equals))


def _flag(option: Any) -> Flag:  # noqa: ANN401 - as above
    words = tuple(option.opts)
    return Flag(option.name, words, str(option.help or ""), option.metavar, option.is_flag, option.multiple)


def _without_last_option(words: list[str]) -> list[str]:
    """``-itc`` is ``-it`` and a ``-c`` that waits for its value; ``--container`` waits alone."""
    *before, last = words
    return before if last.startswith("--") or len(last) == len("-c") else [*before, last[:-1]]
