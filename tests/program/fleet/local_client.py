"""``oc nsexec`` whose shell on this machine is a program that plays the agent.

NSEXEC_TEST_SHELL: its command line (JSON).
"""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING

from kubectl_nsexec import __main__
from kubectl_nsexec.transport import shell

if TYPE_CHECKING:
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.session.plan import Plan

_real = shell.command


def _played(request: Request, plan: Plan) -> list[str]:
    return [*json.loads(os.environ["NSEXEC_TEST_SHELL"]), "--", plan.target.node, shlex.join(_real(request, plan))]


shell.command = _played
os.geteuid = lambda: 0
os.sched_setaffinity = lambda *_: None
__main__.main()
