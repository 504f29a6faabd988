"""A report in the form that was asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kubectl_nsexec.model.request import OUTPUTS
from kubectl_nsexec.model.severity import SEVERITIES
from kubectl_nsexec.ui import output

if TYPE_CHECKING:
    from kubectl_nsexec.check.report import Report
    from kubectl_nsexec.model.request import CheckRequest

WITH_WARNINGS = OUTPUTS
"""The forms of ``-o`` that have the warnings in them."""


def report(made: Report, request: CheckRequest) -> str:
    """For ``-o``, without the last newline; a table where there is none."""
    form = request.output
    if form in WITH_WARNINGS:
        from kubectl_nsexec.check.document import document  # noqa: PLC0415 - one form is shown

        return output.in_form(document(made, request.fail_on), form)
    if form == "junit":
        from kubectl_nsexec.check.junit import xml  # noqa: PLC0415 - as above

        return xml(made, request.fail_on)
    if form == "sarif":
        from kubectl_nsexec.check import sarif  # noqa: PLC0415 - as above

        return json.dumps(sarif.document(made, request.filename), indent=2)
    from kubectl_nsexec.check.table import table  # noqa: PLC0415 - as above

    return table(made, wide=form == "wide")


def summary(made: Report) -> str:
    """One line for stderr."""
    counts = made.counts()
    found = ", ".join(f"{counts[name]} {name}" for name in (*SEVERITIES, "suppressed"))
    left_out = f", {made.finished} left out (ended, or of Windows)" if made.finished else ""
    missing = f"; {counts['notLookedAt']} could not be looked at" if counts["notLookedAt"] else ""
    pods, ways = output.counted(made.pods, "pod"), output.counted(len(made.replicas), "way")
    return f"{pods}{left_out}, {ways} in: {found}{missing}"
