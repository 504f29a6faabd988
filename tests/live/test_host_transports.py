"""The table of behaviours by a helper pod, on the host node, and by every transport when the API server ends.

``tests/node/test_transports.py`` has the table on fakes.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from testbed import control_plane
from tests.conformance.behaviours import TABLE, Behaviour, Stimulus, Transport
from tests.conformance.run import Cell
from tests.live.pods import pod
from tests.live.stands import cells, live_stand

if TYPE_CHECKING:
    from testbed.sshd import Sshd
    from tests.live.api import Api
    from tests.live.harness import Pods
    from tests.live.pods import Pod

pytestmark = pytest.mark.host_node

TOGETHER = [row for row in TABLE if row.stimulus is Stimulus.SERVER_GONE]


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return shared_pods.start(pod("transports", node=host_node))


@pytest.mark.parametrize(("row", "transport"), cells(Transport.POD, Transport.KEPT))
def test_a_behaviour_is_the_same_by_a_helper_pod(
    api: Api, target: Pod, helpers: str, sshd: Sshd, row: Behaviour, transport: Transport
) -> None:
    """Status, words, bytes, and what is left behind."""
    with live_stand(transport, api, target, helpers, sshd) as stand, Cell(row, stand) as started:
        started.shows()


@pytest.mark.alone
@pytest.mark.parametrize("row", TOGETHER, ids=[row.name for row in TOGETHER])
def test_the_end_of_the_api_server_is_the_same_for_all(
    api: Api, target: Pod, helpers: str, sshd: Sshd, row: Behaviour
) -> None:
    """It ends once, with a command by every transport."""
    with ExitStack() as stack:
        cells = []
        for transport in Transport:
            stand = stack.enter_context(live_stand(transport, api, target, helpers, sshd))
            cells.append(stack.enter_context(Cell(row, stand)))
        try:
            for cell in cells:
                cell.end_server()
            for cell in cells:
                cell.client.wait(timeout=120)
        finally:
            control_plane.up()
        for cell in cells:
            cell.ends()
