"""The table of behaviours without a helper pod, on the host node: by ssh and locally."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.behaviours import Behaviour, Transport
from tests.conformance.run import Cell
from tests.live.pods import pod
from tests.live.stands import cells, live_stand

if TYPE_CHECKING:
    from testbed.sshd import Sshd
    from tests.live.api import Api
    from tests.live.harness import Pods
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("only_sessions")]


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return shared_pods.start(pod("directly", node=host_node))


@pytest.mark.parametrize(("row", "transport"), cells(Transport.SSH, Transport.LOCAL))
def test_a_behaviour_is_the_same_without_a_helper_pod(
    api: Api, target: Pod, helpers: str, sshd: Sshd, row: Behaviour, transport: Transport
) -> None:
    """Status, words, bytes, and what is left behind."""
    with live_stand(transport, api, target, helpers, sshd) as stand, Cell(row, stand) as started:
        started.shows()
