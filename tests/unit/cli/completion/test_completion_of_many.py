"""What can follow the flags of many pods at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cli.completion import candidates
from kubectl_nsexec.cli.flags import GROUPS
from kubectl_nsexec.cli.options import long_flag
from tests.unit.cli.completion.asking import TYPES
from tests.unit.fake_api import PODS, FakeApi

if TYPE_CHECKING:
    from tests.unit.cli.completion.asking import Complete


@pytest.mark.parametrize(
    ("line", "path", "query"),
    [
        (("-l", "app=du", "-c", ""), PODS, {"labelSelector": "app=du"}),
        (("-A", "--field-selector=a=b", "--container="), "/api/v1/pods", {"fieldSelector": "a=b"}),
        (("--node", "n0", "-n", "ran", "-c", ""), PODS, {"fieldSelector": "spec.nodeName=n0"}),
    ],
)
def test_containers_of_many_pods(
    words: Complete, api: FakeApi, line: tuple[str, ...], path: str, query: dict[str, str]
) -> None:
    """Each name once; few of them are looked at, and where the run will look."""
    pods = [["main", "dpdk"], ["main"], ["other"]]
    api.objects[path] = [
        {"metadata": {"name": f"du-{n}"}, "spec": {"containers": [{"name": name} for name in names]}}
        for n, names in enumerate(pods)
    ]
    assert words(*line) == (["main", "dpdk", "other"], candidates.NO_FILES)
    assert [(asked.path, asked.query) for asked in api.asked] == [(path, {**query, "limit": "20"})]


@pytest.mark.parametrize("flags", [("-l", "app=du"), ("--field-selector", "a=b"), ("-A",), ("--node", "n0")])
def test_no_pod_follows_what_selects_many(words: Complete, api: FakeApi, flags: tuple[str, ...]) -> None:
    """It would be a mistake; only --check has a pod and a node."""
    assert words(*flags, "") == ([], candidates.NO_FILES)
    assert api.asked == []
    assert "du-0" in words("--check", "--node", "n0", "")[0]


def test_all_pods_are_those_of_an_object(words: Complete) -> None:
    """And not of a pod."""
    assert words("--all-pods", "") == (TYPES[1:], candidates.NO_FILES | candidates.NO_SPACE)
    assert words("--all-pods", "deploy/w") == (["deploy/web"], candidates.NO_FILES)


OF_MANY = {
    **dict.fromkeys(
        ("selector", "field_selector", "exclude", "pick", "fanout", "per_node", "deadline", "max_fail"),
        ([], candidates.NO_FILES),
    ),
    "node": (["worker-0"], candidates.NO_FILES),
    "output_dir": ([], candidates.FILES),
    "color": (["auto", "always", "never"], candidates.NO_FILES),
}
"""Flag of many pods that takes a value → what can follow it."""
SWITCHES_OF_MANY = {name for name in GROUPS["Many pods at once"] if name not in OF_MANY}


@pytest.mark.parametrize("name", GROUPS["Many pods at once"])
def test_every_flag_of_many_pods_is_completed_and_so_is_its_value(words: Complete, api: FakeApi, name: str) -> None:
    """Whatever comes after it; a switch takes true and false behind ``=``."""
    api.put("/api/v1/nodes", "worker-0")
    flag = long_flag(name)
    assert flag in words(flag[:-1])[0]
    following = (["true", "false"], candidates.NO_FILES) if name in SWITCHES_OF_MANY else OF_MANY[name]
    assert words(f"{flag}=") == following
