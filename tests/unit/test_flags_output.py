"""Which values of -o go with which flags, before anything is asked of a cluster."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.flags.helper import check_dry_run


@pytest.mark.parametrize("output", [None, "json", "yaml"])
@pytest.mark.parametrize(("dry_run", "verify"), [("client", False), ("none", True), ("client", True)])
def test_a_form_goes_with_what_prints_something(output: str | None, dry_run: str, verify: bool) -> None:  # noqa: FBT001 - a table's column
    """The proof and the helper pod, in either form."""
    check_dry_run(dry_run, output, verify=verify, force=False)


@pytest.mark.parametrize(
    ("dry_run", "output", "words"),
    [
        ("none", "json", "-o json goes with --verify, --dry-run=client or --cleanup"),
        ("none", "yaml", "-o yaml goes with --verify, --dry-run=client or --cleanup"),
        ("client", "wide", '-o: "wide" is neither json nor yaml'),
        ("client", "", '-o: "" is neither json nor yaml'),
        ("server", None, '--dry-run: "server" is neither none nor client'),
    ],
)
def test_else_it_is_refused(dry_run: str, output: str | None, words: str) -> None:
    """A form of nothing, or one that there is not."""
    with pytest.raises(UsageError) as caught:
        check_dry_run(dry_run, output, verify=False, force=False)
    assert words in caught.value.message
