"""The transport by a helper pod that looks at containers of its node, and enters none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport.helper_pod import HelperPod

if TYPE_CHECKING:
    from kubectl_nsexec.model.cpuset import CpuSet


class SurveyHelperPod(HelperPod):
    """An ordinary helper pod; its session is a survey, in the helper's own container, which the watch keeps pinned."""

    def _enter_words(self, cpus: CpuSet, session_id: str, *, again: bool = False) -> list[str]:
        del session_id, again  # it needs no folder of its own, and the helper has just looked at the node
        return commands.survey_words(self._context.plan.nonce, cpus)
