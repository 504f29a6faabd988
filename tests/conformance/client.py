"""``oc nsexec`` as the table's tests run it: its pings may come sooner, and it can be led onto a node that is a fake.

NSEXEC_TEST_PING_SECONDS: how often it pings, if not as ever; NSEXEC_TEST_NODE: a command line (JSON) instead of ssh or
/bin/sh.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from kubectl_nsexec.transport import channels

if TYPE_CHECKING:
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.plan import Plan

_A_MINUTE = 60  # a busy machine is not silent for so long
_OFTEN = os.environ.get("NSEXEC_TEST_PING_SECONDS")
if _OFTEN:
    channels.PING_SECONDS = float(_OFTEN)

from kubectl_nsexec import __main__, node  # noqa: E402 - they take the time from there
from kubectl_nsexec.transport import relay, shell  # noqa: E402 - as above

relay.SILENT_PINGS = round(_A_MINUTE / channels.PING_SECONDS)


def _to_the_fake(request: Request, plan: Plan) -> list[str]:
    del request
    sizes = [str(len(node.agent_script().encode())), str(len(plan.program.shim))]
    return [*json.loads(os.environ["NSEXEC_TEST_NODE"]), plan.nonce, *sizes]


if "NSEXEC_TEST_NODE" in os.environ:
    shell.command = _to_the_fake
__main__.main()
