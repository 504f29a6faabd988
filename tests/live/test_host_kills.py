"""On the host node: clients that are ended at any moment, a hundred of them, leave nothing."""

from __future__ import annotations

import random
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from tests.live.api import pods_of
from tests.live.pods import pod
from tests.live.processes import reapers, running, unique_seconds, within
from tests.live.sessions import folders

if TYPE_CHECKING:
    from tests.live.api import Api
    from tests.live.harness import Pods, Program

pytestmark = pytest.mark.host_node

_KILLS: Final = 100
_AT_ONCE: Final = 4
_SIGNALS: Final = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ENDED_WITHIN_SECONDS: Final = 60.0
_GONE_WITHIN_SECONDS: Final = 30.0


@pytest.mark.patient
def test_a_hundred_clients_killed_at_any_moment_leave_nothing(
    nsexec: Program, api: Api, shared_pods: Pods, helpers: str, host_node: str
) -> None:
    """Before, while and after the command starts: no process here or there, no helper pod, not even its record."""
    target = shared_pods.start(pod("hundred", node=host_node))
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    whole = nsexec(target.name, "-n", target.namespace, "--", "true").seconds
    seconds = unique_seconds()
    ends = [(chance.uniform(0, 0.75 * whole * _AT_ONCE), chance.choice(_SIGNALS)) for _ in range(_KILLS)]

    def run(end: tuple[float, signal.Signals]) -> None:
        after_seconds, number = end
        client = nsexec.start(target.name, "-n", target.namespace, "--", "sleep", seconds)
        with suppress(subprocess.TimeoutExpired):  # the moment is the point: nothing is waited for
            client.wait(after_seconds)
        client.send_signal(number)
        client.communicate(timeout=_ENDED_WITHIN_SECONDS)

    with ThreadPoolExecutor(_AT_ONCE) as runs:
        list(runs.map(run, ends))
    assert within(_GONE_WITHIN_SECONDS, lambda: not running("sleep", seconds))
    assert within(_GONE_WITHIN_SECONDS, lambda: not api.names(pods_of(helpers)))
    assert within(_GONE_WITHIN_SECONDS, lambda: not folders(api, helpers, target.namespace))
    assert within(_GONE_WITHIN_SECONDS, lambda: not reapers(helpers))
