"""The flags of the command line by what they are about, as the option parser needs them.

The module in which a flag stands is the group under which --options and the man page list it; ``help_text`` names
those few that stand in --help as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def words(group: ModuleType) -> set[str]:
    """The flags of a module of this package, such as ``-n`` and ``--namespace``."""
    kinds = [kind for value in vars(group).values() for kind in getattr(value, "__metadata__", ())]
    # Typer takes the first word for a default until it has seen that the type is an Annotated one.
    return {word for kind in kinds for word in (kind.default, *(kind.param_decls or ())) if isinstance(word, str)}
