"""By whose word the CPUs of the command are chosen: --cpus, --profile, --cpu-source."""

from __future__ import annotations

from typing import NamedTuple

from kubectl_nsexec.errors import UsageError

BY_HAND, BY_PROFILE, BY_NODE, BY_KUBELET = "cpus", "profile", "node", "kubelet"
"""By whose word CPUs are reserved: the user's (--cpus), a PerformanceProfile's, CRI-O's or workload pinning's files on
the node, the kubelet's configuration. The last three are the values of --cpu-source."""


class CpuChoice(NamedTuple):
    """By whose word the command's CPUs are chosen; all None: by the first source that knows."""

    cpus: str | None = None
    """--cpus: a CPU list, by the user's own word."""
    profile: str | None = None
    """--profile: the name of the PerformanceProfile."""
    source: str | None = None
    """--cpu-source: BY_PROFILE, BY_NODE or BY_KUBELET, and what others say to the contrary is only warned of."""


BY_WHO_KNOWS = CpuChoice()
"""Nothing named: the first source that knows."""


def check(choice: CpuChoice) -> None:
    """Raises UsageError for what contradicts itself, or is not known."""
    if choice.source not in (None, BY_PROFILE, BY_NODE, BY_KUBELET):
        raise UsageError(f'--cpu-source: "{choice.source}" is neither {BY_PROFILE}, {BY_NODE} nor {BY_KUBELET}')
    if choice.profile == "":
        raise UsageError("--profile: the name is empty")
    if choice.cpus is not None and (choice.profile is not None or choice.source is not None):
        other = "--profile" if choice.profile is not None else "--cpu-source"
        raise UsageError(f"you may not specify --cpus and {other} together: --cpus names the CPUs themselves")
    if choice.profile is not None and choice.source not in (None, BY_PROFILE):
        raise UsageError(f"you may not specify --profile and --cpu-source {choice.source} together")
