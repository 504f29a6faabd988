"""On the real-time node as well (cgroup v2, systemd): the command is who `kubectl exec` would have made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live import rt, who

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = pytest.mark.rt_node

_FILE = f"/var/lib/kubelet/seccomp/{who.LOCALHOST_PROFILE}"


@pytest.fixture(scope="module")
def profile(rt_node: str) -> Iterator[None]:
    """A seccomp profile on the node, as an administrator puts it there."""
    assert rt_node
    rt.inside(f"mkdir -p /var/lib/kubelet/seccomp && echo '{who.profile_text()}' >{_FILE}")
    yield
    rt.inside(f"rm {_FILE}")


@pytest.fixture(scope="module")
def everybody(shared_pods: Pods, kubectl: Program, probe: Path, rt_node: str, profile: None) -> Pod:
    """One pod with a container for each of them."""
    assert profile is None
    return who.everybody(shared_pods, kubectl, probe, rt_node)


@pytest.mark.parametrize("kind", who.WHO)
def test_the_command_is_who_kubectl_exec_would_have_made_it(
    kubectl: Program, nsexec: Program, everybody: Pod, kind: str
) -> None:
    """Line by line what test_host_identity.py compares, system calls included."""
    assert "number 900" in who.compare(kubectl, nsexec, everybody, who.name_of(kind))
