"""The table of behaviours without a helper pod, on the host node: by ssh and locally."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.behaviours import TABLE, Behaviour, Stimulus, Transport
from tests.conformance.run import Cell
from tests.live.pods import pod
from tests.live.stands import live_stand

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod
    from tests.live.sshd import Sshd

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("only_sessions")]

ROWS = [row for row in TABLE if row.stimulus is not Stimulus.SERVER_GONE]
CELLS = [(row, transport) for row in ROWS for transport in (Transport.SSH, Transport.LOCAL)]


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return shared_pods.start(pod("directly", node=host_node))


@pytest.mark.parametrize(("row", "transport"), CELLS, ids=[f"{row.name}-{by.value}" for row, by in CELLS])
def test_a_behaviour_is_the_same_without_a_helper_pod(
    kubectl: Program, target: Pod, helpers: str, sshd: Sshd, row: Behaviour, transport: Transport
) -> None:
    """Status, words, bytes, and what is left behind."""
    with live_stand(transport, kubectl, target, helpers, sshd) as stand, Cell(row, stand) as started:
        started.shows()
