"""Everything that can go wrong, as one family.

Each error carries a stable ``code``, the sentence for the user, and the process exit status that the command line gives
it. ``cli.error_pages`` explains every code. Only the command line prints or exits.
"""

from __future__ import annotations

EXIT_USAGE = 1
"""What kubectl gives for bad input and for the API server's own answers."""
EXIT_OWN_FAILURE = 125
"""nsexec itself failed; the command was not started, or its result is unknown."""
EXIT_TIMED_OUT = 124
"""The command was ended because its time was over, as timeout(1) says it."""


class NsexecError(Exception):
    """Base of the family: our own failure, exit status 125. Only its members are raised.

    ``message`` is one sentence or a few lines: what was asked, what was found, what to do next.
    """

    code = "nsexec"
    exit_status = EXIT_OWN_FAILURE

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def rendered(self) -> str:
        """The line for stderr, in kubectl's form."""
        return f"error: {self.message}"

    def told(self, program: str) -> str:
        """``rendered``, and on a line of its own the code and what leads to its page.

        So kubectl's words stay a whole line, and commands in the message can be pasted.
        """
        return f"{self.rendered()}\n[{self.code}] more: {program} --explain {self.code}"


class UsageError(NsexecError):
    """The request itself cannot be understood or makes no sense."""

    code = "usage"
    exit_status = EXIT_USAGE


class ConfigError(UsageError):
    """The kubeconfig, a flag of the connection or the credentials cannot be used."""

    code = "kubeconfig"


class TargetError(NsexecError):
    """The pod or container asked for cannot be entered (same words as ``oc exec``)."""

    code = "target"
    exit_status = EXIT_USAGE


API_CODES = {0: "no-answer", 401: "unauthorized", 403: "forbidden", 404: "not-found"}
"""The HTTP statuses of the API server's answers that have a code of their own; 0: there was no answer."""


class ApiError(NsexecError):
    """The API server answered with a Status (metav1.Status), or could not be asked (status 0).

    ``reason`` is the Status' reason (``NotFound``, ``Forbidden`` …), ``status`` the HTTP status, ``retry_after`` the
    header of that name (RFC 9110, 10.2.3). ``code`` is that of API_CODES for the status, else ``api``.
    """

    code = "api"
    exit_status = EXIT_USAGE

    def __init__(self, message: str, *, reason: str = "", status: int = 0, retry_after: str = "") -> None:
        super().__init__(message, code=API_CODES.get(status))
        self.reason = reason
        self.status = status
        self.retry_after = retry_after

    @property
    def http_status(self) -> int:
        """Of the answer, whoever gave it; 0 where there was none."""
        return self.status

    def rendered(self) -> str:
        """As kubectl shows the server's answers; a server that gave none is an ordinary error."""
        if self.status == 0:
            return f"error: {self.message}"
        reason = f" ({self.reason})" if self.reason else ""
        return f"Error from server{reason}: {self.message}"


class ConnectionCutError(ApiError):
    """The connection was reset, or ended, before there was an answer: a load balancer has no server left, say."""


class WebSocketRefusedError(ApiError):
    """Something before the API server answered instead of letting a WebSocket through."""

    code = "websocket"

    def __init__(self, message: str, *, http_status: int, retry_after: str = "") -> None:
        super().__init__(message, retry_after=retry_after)
        self.code = WebSocketRefusedError.code  # not that of the status 0
        self._http_status = http_status

    @property
    def http_status(self) -> int:
        """See ApiError."""
        return self._http_status


class CpuPolicyError(NsexecError):
    """It is not certain which CPUs the command may use."""

    code = "cpu-policy"


class PlacementError(NsexecError):
    """The node did not put us on the CPUs that were asked for."""

    code = "placement"


class HelperPodError(NsexecError):
    """The helper pod could not be created, started or kept."""

    code = "helper-pod"


class NodeAccessError(NsexecError):
    """The node cannot be reached by ssh or a shell, or there is no root on it."""

    code = "node-access"


class AgentError(NsexecError):
    """The agent on the node refused or failed; ``code`` is the one that it sent."""

    code = "agent"


class ConnectionLostError(NsexecError):
    """A stream broke: what became of the command is unknown."""

    code = "connection-lost"


class OutputFileError(NsexecError):
    """What the commands print cannot be kept on this machine's disk."""

    code = "output-file"


class TimedOutError(NsexecError):
    """The command was ended by ``--max-duration``."""

    code = "timed-out"
    exit_status = EXIT_TIMED_OUT


class DefectError(NsexecError):
    """A mistake of the tool's own."""

    code = "defect"
