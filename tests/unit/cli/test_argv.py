"""pflag's forms of an option."""

from __future__ import annotations

import pytest

from kubectl_nsexec.cli.argv import plain
from kubectl_nsexec.errors import UsageError

_SWITCHES = {"-i", "--stdin", "-t", "-q", "--insecure-skip-tls-verify"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["p", "-n", "x"], ["p", "-n", "x"]),
        (["-n=x", "-v=6"], ["-n", "x", "-v", "6"]),
        (["-iv=6"], ["-i", "-v", "6"]),
        (["--namespace=x"], ["--namespace=x"]),
        (["--stdin=true", "-t=false", "-q=1"], ["--stdin", "-q"]),
        (["--insecure-skip-tls-verify=false"], []),
        (["-iq=F"], ["-i"]),
        (["-n", "a=b", "--as=u=v", "-n=a=b"], ["-n", "a=b", "--as=u=v", "-n", "a=b"]),
        (["-f", "-"], ["-f", "-"]),
    ],
)
def test_kubectls_forms_of_options_are_understood(given: list[str], expected: list[str]) -> None:
    """A value after an equals sign, also of a short option and of a switch."""
    assert plain(given, _SWITCHES) == expected


def test_a_switch_takes_only_a_boolean() -> None:
    """Go's words for true and false, and no others."""
    with pytest.raises(UsageError):
        plain(["--stdin=yes"], _SWITCHES)
