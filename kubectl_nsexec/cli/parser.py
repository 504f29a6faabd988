"""The command line, read by the option parser: whatever a user may type, --help, --options, and every mistake."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from kubectl_nsexec.cli import argv as arguments
from kubectl_nsexec.cli import help_text
from kubectl_nsexec.cli.command import Command
from kubectl_nsexec.cli.flags import FLAGS
from kubectl_nsexec.cli.options import FIELDS, SWITCHES, VARIABLES, WITHOUT_VALUE, WORDS, Options
from kubectl_nsexec.errors import UsageError

_POD = typer.Argument(metavar="(POD | TYPE/NAME)", help="The pod, or what leads to one.", show_default=False)


def parser() -> Any:  # noqa: ANN401 - typer's copy of click is private
    """The command line's options, for those who only read one; typer's Command."""
    return _command([])


def options(columns: int) -> str:
    """What --options shows on a terminal of so many columns."""
    return help_text.full(parser().parameters(), columns)


def read(words: list[str], program: str) -> Options | None:
    """The ``words`` before ``--``; None where they asked for --help, which was printed. Raises UsageError."""
    made: list[Options] = []
    command = _command(made)
    try:
        command.main(
            args=arguments.completed(arguments.plain(words, SWITCHES), WITHOUT_VALUE),
            prog_name=program,
            standalone_mode=False,
        )
    except typer.TyperException as error:
        raise UsageError(f"{error}{_meant(error)}\nSee '{program} --help' for usage.") from error
    return made[0] if made else None


def _meant(error: typer.TyperException) -> str:
    """Flags that are like one that there is not, as the parser has found them, the likest first."""
    like: list[str] = getattr(error, "possibilities", None) or []
    return f"; did you mean {' or '.join(like)}?" if like else ""


def _command(made: list[Options]) -> Any:  # noqa: ANN401 - as above
    """The parser of the words, which puts what they give into ``made``."""

    def nsexec(**values: Any) -> None:  # noqa: ANN401 - as the parameters below have it
        made.append(Options(values))

    # What typer reads from a function that declares them one by one.
    nsexec.__signature__ = inspect.Signature([_parameter(field) for field in FIELDS])  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})(nsexec)
    return typer.main.get_command(app)


def _parameter(field: str) -> inspect.Parameter:
    default = getattr(Options, field)
    several = default == ()
    kind: Any = bool if default is False else list[str] if several else str
    return inspect.Parameter(
        field,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if several else default,
        annotation=Annotated[kind if default else kind | None, _POD if field == "pod" else _option(field)],
    )


def _option(field: str) -> Any:  # noqa: ANN401 - typer calls it so itself
    flag = FLAGS[field]
    words = [word for word, named in WORDS.items() if named == field]
    return typer.Option(*words, metavar=flag.metavar, help=flag.help, envvar=VARIABLES.get(field))
