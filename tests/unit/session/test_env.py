"""``--env``: what of it is in the record that the node is sent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.messages import TargetFacts
from kubectl_nsexec.model.privileges import Privileges
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.protocol import events
from kubectl_nsexec.session import admission
from kubectl_nsexec.session.context import Context
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.interrupts import Interrupts
from tests.unit.fake_session import target_event
from tests.unit.fakes import FakeCluster
from tests.unit.protocol.test_events import NONCE, line
from tests.unit.transport.test_shell import planned

GIVEN = (b"NEW=x", b"TERM=mine", b"PATH=/own")


def variables(request: Request, window: tuple[int, int] | None = None) -> dict[bytes, bytes]:
    """Those of the record, by their names; none is there twice."""
    facts = events.parse_event(line(target_event()), NONCE)
    assert isinstance(facts, TargetFacts)
    plan = planned(helper=SimpleNamespace(architecture="amd64"))
    assert isinstance(plan.policy, CpuPolicy)
    context = Context(request, FakeCluster({}), plan, Deadline.after(60), Console(), Interrupts(), None, window)
    records = admission.checked(context, plan.policy, facts).record.split(b"\0")
    pairs = [record.removeprefix(b"env=").partition(b"=")[::2] for record in records if record.startswith(b"env=")]
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


@pytest.mark.parametrize("privileges", [Privileges(), Privileges(privileged=True), Privileges(host_tools=True)])
def test_variables_of_the_user_go_before_all_others(privileges: Privileges) -> None:
    """The container's, those of a terminal, and of whatever --privileged or --host-tools gives."""
    request = Request("p", (b"id",), privileges=privileges, stdin=True, tty=True)
    plain = variables(request, (24, 80))
    assert plain[b"TERM"] == b"xterm"
    given = variables(request._replace(env=GIVEN), (24, 80))
    assert given == {**plain, b"NEW": b"x", b"TERM": b"mine", b"PATH": b"/own"}
