"""What the API server answered, or that it did not, or that somebody else did, as our own errors."""

from __future__ import annotations

import json
import re
from typing import Any

from kubectl_nsexec.errors import ApiError, WebSocketRefusedError

_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}
_SHOWN_CHARACTERS = 500
_SHOWN_OF_A_PAGE = 100
_PAGE = re.compile(r"\s*<")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)

_KUBELETS = frozenset((401, 404, 500))
"""Servers before 1.30 hand a kubelet's answer on as it is, which is plain text (k8s.io/kubelet, server.go)."""
_KUBELETS_REFUSAL = "Forbidden (user="
_NO_UPGRADE = re.compile(r"upgrade (request|header)|unable to upgrade: missing", re.IGNORECASE)
"""What the API server says to a request that has lost the headers of its upgrade (k8s.io/apimachinery, httpstream)."""
_BAD_REQUEST = 400


def api_error(http_status: int, body: bytes | str | None, retry_after: str = "") -> ApiError:
    """The error of an HTTP answer, from its metav1.Status body where it has one."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    if status := _status(text):
        reason = str(status.get("reason") or "")
        return ApiError(str(status["message"]), reason=reason, status=http_status, retry_after=retry_after)
    reason = _REASONS.get(http_status, f"HTTP {http_status}")
    words = _words(text) or f"the server answered HTTP {http_status}"
    return ApiError(words, reason=reason, status=http_status, retry_after=retry_after)


def not_upgraded(http_status: int, body: bytes, retry_after: str = "") -> ApiError:
    """The error of an answer that is no WebSocket: the API server's own, or a WebSocketRefusedError."""
    text = body.decode(errors="replace")
    status = _status(text)
    if status and not (http_status == _BAD_REQUEST and _NO_UPGRADE.search(str(status["message"]))):
        return api_error(http_status, text, retry_after)
    by_kubelet = http_status in _KUBELETS or text.startswith(_KUBELETS_REFUSAL)
    if not status and by_kubelet and text.strip() and not _PAGE.match(text):
        return api_error(http_status, text, retry_after)
    words = str(status["message"]) if status else _words(text)[:_SHOWN_OF_A_PAGE]
    return WebSocketRefusedError(
        f"exec and attach take a WebSocket, and HTTP {http_status} was answered instead"
        f"{f' ({words})' if words else ''}: {NOT_THROUGH}",
        http_status=http_status,
        retry_after=retry_after,
    )


NOT_THROUGH = (
    "a proxy or load balancer before the API server does not let WebSockets through; have it allow them "
    "(Upgrade: websocket), go round it (--server, NO_PROXY), or use --via ssh. "
    "That kubectl exec works there is because it falls back to SPDY"
)


def unreachable(server: str, error: Exception) -> ApiError:
    """The error of a server that gave no answer."""
    words = str(error).strip() or type(error).__name__
    return ApiError(f"the API server {server} could not be reached: {words}; check the kubeconfig, VPN and proxy")


def cut_off(server: str, error: Exception) -> ApiError:
    """The error of a WebSocket that was asked for, and got no answer that is one."""
    made = unreachable(server, error)
    made.message += f"; where other requests are answered, {NOT_THROUGH}"
    return made


def _status(text: str) -> dict[str, Any] | None:
    """A metav1.Status, by its message."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("message") else None


def _words(text: str) -> str:
    """What a person would read of it: the title of a page, else its text."""
    if _PAGE.match(text):
        import html  # noqa: PLC0415 - of pages only

        title = _TITLE.search(text)
        text = html.unescape(title[1] if title and title[1].strip() else _MARKUP.sub(" ", text))
        text = " ".join(text.split())
    return text.strip()[:_SHOWN_CHARACTERS]
