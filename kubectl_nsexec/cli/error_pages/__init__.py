"""Every code of an error, explained: one table, of which --explain and docs/reference/errors.md are made.

Imported by nothing that runs a command. Begin with ``page``; what stands in backticks is typed or read word for word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cli.error_pages.at_the_client import CPUS, END, LINE_AND_API
from kubectl_nsexec.cli.error_pages.on_the_node import CONTAINER, NODE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.cli.error_pages.page import ErrorPage

GROUPS: Mapping[str, Mapping[str, ErrorPage]] = {
    "The command line and the API server": LINE_AND_API,
    "Which CPUs": CPUS,
    "The node and the helper pod": NODE,
    "The container": CONTAINER,
    "While the command runs": END,
}
"""A title → the codes below it."""
PAGES = {code: page for group in GROUPS.values() for code, page in group.items()}
