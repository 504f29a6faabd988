"""Which PerformanceProfile is a node's."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cpus.profiles import (
    ProfilesApiMissing,
    ProfilesForbidden,
    ProfilesFound,
    ProfilesResult,
    match_profile,
    named_profile,
    profile_name,
    selects,
)
from kubectl_nsexec.errors import CpuPolicyError, UsageError

ROLE = "node-role.kubernetes.io/"
WORKER, MASTER, CNF, RT = (ROLE + role for role in ("worker", "master", "worker-cnf", "realtime"))


def profile(name: str, *keys: str, version: str = "v2", **labels: str | None) -> dict[str, Any]:
    """A profile that selects nodes by the labels ``keys`` (empty values) and ``labels``."""
    return {
        "apiVersion": f"performance.openshift.io/{version}",
        "metadata": {"name": name},
        "spec": {"cpu": {"reserved": "0"}, "nodeSelector": dict.fromkeys(keys, "") | labels},
    }


def node(*labels: str, pool: str = "", **more: str) -> dict[str, Any]:
    """A node with these labels; ``pool`` is the one whose configuration it runs."""
    annotations = {"machineconfiguration.openshift.io/currentConfig": f"rendered-{pool}-0123abcd"} if pool else {}
    return {"metadata": {"name": "n1", "labels": dict.fromkeys(labels, "") | more, "annotations": annotations}}


@pytest.mark.parametrize(
    ("profiles", "on", "expected"),
    [
        ([], node(WORKER), None),
        ([profile("cnf", CNF)], node(WORKER), None),
        ([profile("cnf", CNF)], node(WORKER, CNF), "cnf"),
        ([profile("old", CNF, version="v1")], node(WORKER, CNF), "old"),
        ([profile("older", CNF, version="v1alpha1")], node(WORKER, CNF), "older"),
        # The node of a custom pool carries the worker label too.
        ([profile("all", WORKER), profile("cnf", CNF)], node(WORKER, CNF), "cnf"),
        ([profile("cnf", CNF), profile("all", WORKER)], node(WORKER, CNF), "cnf"),
        ([profile("all", WORKER), profile("ctl", MASTER)], node(WORKER, MASTER), "ctl"),
        # Two custom pools: the one whose configuration the node runs.
        ([profile("cnf", CNF), profile("rt", RT)], node(WORKER, CNF, RT, pool="realtime"), "rt"),
        # Labelled for a new pool, but still running the configuration of the old one.
        ([profile("all", WORKER), profile("cnf", CNF)], node(WORKER, CNF, pool="worker"), "all"),
        # The value counts, and a null is the empty string.
        ([profile("x", rack="a")], node(WORKER, rack="b"), None),
        ([profile("x", rack="a")], node(WORKER, rack="a"), "x"),
        ([profile("x", rack=None)], node(WORKER, rack=""), "x"),
        # All labels of a selector must be there.
        ([profile("x", WORKER, rack="a")], node(WORKER), None),
        # A selector that selects nothing in particular is nobody's.
        ([profile("x")], node(WORKER), None),
        ([profile("x", CNF), {"metadata": {"name": "bare"}}], node(WORKER), None),
    ],
)
def test_the_nodes_own_profile_is_found(
    profiles: list[dict[str, Any]], on: dict[str, Any], expected: str | None
) -> None:
    """The selector must take the node; of several, the node's own pool wins, and custom pools beat base roles."""
    found = match_profile(profiles, on)
    assert (profile_name(found) if found else None) == expected


def test_two_profiles_that_cannot_be_told_apart_stop_the_run() -> None:
    """Nothing is guessed: the error names both profiles, the node, and the way out."""
    with pytest.raises(CpuPolicyError) as caught:
        match_profile([profile("cnf", CNF), profile("rt", RT), profile("all", WORKER)], node(WORKER, CNF, RT))
    message = caught.value.message
    assert '"cnf" and "rt"' in message
    assert "n1" in message
    assert "--profile NAME" in message
    assert "--cpus" in message
    assert '"all"' not in message


def test_a_profile_by_name() -> None:
    """Also one that selects other nodes; whether it selects this one can be asked."""
    both = ProfilesFound((profile("cnf", CNF), profile("rt", RT)))
    assert named_profile(both, "rt") is both.items[1]
    assert selects(both.items[0], node(WORKER, CNF))
    assert not selects(both.items[1], node(WORKER, CNF))


@pytest.mark.parametrize(
    ("profiles", "words"),
    [
        (ProfilesFound((profile("rt", RT), profile("cnf", CNF))), 'no PerformanceProfile "x"; there are: cnf, rt'),
        (ProfilesFound(()), 'no PerformanceProfile "x"; there are: none'),
        (ProfilesApiMissing(), "this cluster has no PerformanceProfile API"),
        (ProfilesForbidden("not you"), "may not be listed (not you); get leave to list"),
    ],
)
def test_a_name_that_is_none(profiles: ProfilesResult, words: str) -> None:
    """A typing error is answered with the names that there are; the other stories with their own next step."""
    with pytest.raises(UsageError) as caught:
        named_profile(profiles, "x")
    assert words in caught.value.message
