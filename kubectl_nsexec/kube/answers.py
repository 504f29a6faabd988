"""What the API server answered, or that it did not, or that somebody else did, as our own errors."""

from __future__ import annotations

import json
import re
from typing import Any

from kubectl_nsexec.errors import ApiError

_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}
_SHOWN_CHARACTERS = 500
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


def api_error(http_status: int, body: bytes | str | None, retry_after: str = "") -> ApiError:
    """The error of an HTTP answer, from its metav1.Status body where it has one."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    if status := status_of(text):
        reason = str(status.get("reason") or "")
        return ApiError(str(status["message"]), reason=reason, status=http_status, retry_after=retry_after)
    reason = _REASONS.get(http_status, f"HTTP {http_status}")
    if text.lstrip().startswith("<"):
        from kubectl_nsexec.kube import pages  # noqa: PLC0415 - of few answers

        text = pages.words(text)
    words = text.strip()[:_SHOWN_CHARACTERS] or f"the server answered HTTP {http_status}"
    return ApiError(words, reason=reason, status=http_status, retry_after=retry_after)


NOT_THROUGH = (
    "a proxy or load balancer before the API server does not let WebSockets through; have it allow them "
    "(Upgrade: websocket), go round it (--server, NO_PROXY), or use --via ssh. "
    "That kubectl exec works there is because it falls back to SPDY"
)


def unreachable(server: str, error: Exception) -> ApiError:
    """The error of a server that gave no answer; Python's number before the system's words tells nobody anything."""
    words = _ERRNO.sub("", str(error).strip()) or type(error).__name__
    return ApiError(f"the API server {server} could not be reached: {words}; check the kubeconfig, VPN and proxy")


def cut_off(server: str, error: Exception) -> ApiError:
    """The error of a WebSocket that was asked for, and got no answer that is one."""
    made = unreachable(server, error)
    made.message += f"; where other requests are answered, {NOT_THROUGH}"
    return made


def not_opened(server: str) -> ApiError:
    """The error of a WebSocket that was asked for, and got no answer in time."""
    return ApiError(
        f"the API server {server} did not open the stream in time: the node's kubelet, which it asks, may hang, "
        "or a proxy on the way holds WebSockets up; --via ssh needs neither"
    )


def status_of(text: str) -> dict[str, Any] | None:
    """A metav1.Status, by its message."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("message") else None
