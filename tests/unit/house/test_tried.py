"""docs/reference/tried.md: what was tried where is read from the tests, so that it cannot say more than they do."""

from __future__ import annotations

import pytest

from tools import tried
from tools.tried_claims import CLAIMS, Claim

ALL = [claim for claims in CLAIMS.values() for claim in claims]
LIVE = sorted(
    f"{folder}/{path.name}" for folder in ("live", "machines") for path in (tried.TESTS / folder).glob("test_*.py")
)


@pytest.mark.parametrize("claim", ALL, ids=lambda claim: claim.words)
def test_every_claim_is_shown_somewhere(claim: Claim) -> None:
    """By tests that exist, and of which it is known where they run."""
    assert all(where for test in claim.tests for where in tried.places(test))


@pytest.mark.parametrize("file", LIVE)
def test_every_file_of_live_tests_shows_a_claim(file: str) -> None:
    """Who adds one says what it shows."""
    assert file in {test.partition("::")[0] for claim in ALL for test in claim.tests}


@pytest.mark.parametrize(
    ("test", "places"),
    [
        ("live/test_host_limits.py", {tried.HOST}),
        ("live/test_both_nodes_fleet.py", {tried.HOST, tried.RT}),
        ("live/test_hostile_images.py", {tried.HOST, tried.RT, tried.NEWER}),
        ("live/test_rt_node.py", {tried.RT, tried.NEWER}),
        ("live/test_rt_selinux.py", {tried.NEWER}),
        ("live/test_rt_identity.py::test_signals_go_both_ways_as_with_kubectl_exec", {tried.RT}),
        ("live/test_rt_crio.py", {tried.CRIO}),
        ("machines/test_other_architectures.py", {"arm64", "ppc64le", "s390x"}),
        ("node/test_transports.py", {tried.ALONE}),
    ],
)
def test_a_test_runs_where_its_marks_say(test: str, places: set[str]) -> None:
    """Marks of the file, of the function, and of a parameter that stands for both nodes."""
    assert set[str]().union(*tried.places(test)) == places


@pytest.mark.parametrize("test", ["live/test_nobody_wrote.py", "live/test_rt_node.py::test_it_flies"])
def test_a_test_that_is_not_there_is_no_proof(test: str) -> None:
    """Neither a file nor a function."""
    with pytest.raises(LookupError):
        tried.places(test)


def test_what_only_some_tests_show_is_shown_in_part() -> None:
    """The newer node is in no cluster with the host node."""
    claim = Claim("", ("live/test_rt_identity.py", "live/test_both_nodes_fleet.py"))
    assert tried._row(claim)[1:6] == ("yes", "yes", "in part", tried.NEITHER, tried.NEITHER)
