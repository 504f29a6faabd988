"""What the agent says of containers that it looks at: its events, up to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import survey
from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.model.messages import ContainerSeen, Surveyed, ThreadsSeen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubectl_nsexec.cpus.owners import Owners
    from kubectl_nsexec.cpus.survey import Container
    from kubectl_nsexec.protocol.events import Event

_MOST_BYTES = 256 * 1024 * 1024
"""Of the kernel's words about threads: hundreds of thousands of them. More is no node."""


class Seen(NamedTuple):
    """All that was said, not yet understood."""

    containers: list[ContainerSeen]
    looks: list[ThreadsSeen]

    def understood(self, owners: Owners) -> Mapping[str, Container | str]:
        """See survey.Survey. Raises AgentError."""
        try:
            return survey.of_containers(self.containers, self.looks, owners)
        except (ValueError, RecursionError) as error:
            raise AgentError(f"what the node says of its threads cannot be read ({error})") from error


def all_of(next_event: Callable[[], Event], containers: int) -> Seen:
    """What is said of so many ``containers``. Raises AgentError, and what ``next_event`` raises."""
    seen = Seen([], [])
    size_bytes = 0
    while not isinstance(event := next_event(), Surveyed):
        if isinstance(event, ContainerSeen):
            seen.containers.append(event)
        elif isinstance(event, ThreadsSeen):
            seen.looks.append(event)
            size_bytes += len(event.stat) + len(event.status)
        else:
            raise AgentError(f"the agent answered {type(event).__name__} in the middle of a survey")
        if size_bytes > _MOST_BYTES or len(seen.containers) > containers:
            raise AgentError("the agent on the node says more than there can be to say")
    return seen
