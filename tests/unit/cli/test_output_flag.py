"""Which values of -o go with which flags, before anything is asked of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cli import validate
from kubectl_nsexec.cli.options import Options
from kubectl_nsexec.errors import UsageError


def ask(**values: Any) -> None:  # noqa: ANN401 - as a flag has it
    """A request for a command, by these flags."""
    validate.request(Options({"pod": ["p"], **values}), ["true"], "oc nsexec", stdin_fd=0, on_terminal=False)


@pytest.mark.parametrize("output", [None, "json", "yaml"])
@pytest.mark.parametrize(("dry_run", "verify"), [("client", False), ("none", True), ("client", True)])
def test_a_form_goes_with_what_prints_something(output: str | None, dry_run: str, verify: bool) -> None:  # noqa: FBT001 - a table's column
    """The proof and the helper pod, in either form."""
    ask(dry_run=dry_run, output=output, verify=verify)


@pytest.mark.parametrize(
    ("dry_run", "output", "words"),
    [
        ("none", "json", "-o json goes with --verify, --dry-run=client, --cleanup, --check or many pods"),
        ("none", "yaml", "-o yaml goes with --verify, --dry-run=client, --cleanup, --check or many pods"),
        ("client", "wide", '-o: "wide" is neither json nor yaml'),
        ("client", "", '-o: "" is neither json nor yaml'),
        ("server", None, '--dry-run: "server" is neither none nor client'),
    ],
)
def test_else_it_is_refused(dry_run: str, output: str | None, words: str) -> None:
    """A form of nothing, or one that there is not."""
    with pytest.raises(UsageError) as caught:
        ask(dry_run=dry_run, output=output)
    assert words in caught.value.message
