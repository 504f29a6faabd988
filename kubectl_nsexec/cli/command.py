"""The option parser: typer's, with a help of our own, and quick to start."""

from __future__ import annotations

from typing import Any

import typer.core

from kubectl_nsexec.cli import help_text
from kubectl_nsexec.ui import width

_STDOUT = 1  # where typer prints it
_TEXT = (str, list[str])


class Command(typer.core.TyperCommand):
    """A typer command whose texts stay as they were typed."""

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 - typer's copy of click is private
        """What --help prints."""
        return help_text.short(self.get_params(ctx), str(ctx.info_name), width.of_text(_STDOUT))

    def parameters(self) -> list[Any]:
        """Those of ``params``, and the parser's own --help."""
        return self.get_params(self.context_class(self, **self.context_settings))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """As typer's own, which turns texts into texts by pydantic: importing that takes longer than all the rest."""
        given, rest, _ = self.make_parser(ctx).parse_args(args=args)
        parameters: list[Any] = self.get_params(ctx)
        for parameter in parameters:
            value = parameter.consume_value(ctx, given)[0]
            if value is None or parameter.type_descriptor.annotation in _TEXT:
                ctx.params |= {parameter.name: value} if parameter.expose_value else {}
            else:
                parameter.handle_parse_result(ctx, given, rest)
        return rest
