"""Which images of a node serve where the target's own cannot."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.session.node_facts import images

TARGET = "registry.site/ran/du@sha256:1"


def image(*names: str, size: int) -> dict[str, Any]:
    """One of status.images of a Node."""
    return {"names": list(names), "sizeBytes": size}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([], []),
        ([image(TARGET, "registry.site/ran/du:2", size=1)], []),
        ([image("site/b", size=9), image("site/a", size=3)], ["site/a", "site/b"]),
        (
            [image("site/a", size=3), image("mirror.site/ocp@sha256:2", "quay.io/openshift-release-dev/x", size=900)],
            ["mirror.site/ocp@sha256:2", "site/a"],
        ),
        (
            [image("site/a", size=3), image("registry.k8s.io/pause:3.10", size=9)],
            ["registry.k8s.io/pause:3.10", "site/a"],
        ),
        ([image(f"site/{size}", size=size) for size in (5, 4, 3, 2)], ["site/2", "site/3", "site/4"]),
        ([{"sizeBytes": 1}, {"names": ["site/a"]}], ["site/a"]),
    ],
)
def test_the_platforms_own_come_before_the_smallest(listed: list[dict[str, Any]], expected: list[str]) -> None:
    """The node pulls those without a namespace's secrets; a handful is tried at most."""
    assert images({"status": {"images": listed}}, TARGET) == expected
