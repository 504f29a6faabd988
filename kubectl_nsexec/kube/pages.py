"""Answers that no API server gives: the pages of whoever stands before it, and what came instead of a WebSocket.

It is imported only when there is one.
"""

from __future__ import annotations

import html
import re

from kubectl_nsexec.errors import ApiError, WebSocketRefusedError
from kubectl_nsexec.kube.answers import NOT_THROUGH, api_error, status_of

_SHOWN_CHARACTERS = 100
_PAGE = re.compile(r"\s*<")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)

_KUBELETS = frozenset((401, 404, 500))
"""Servers before 1.30 hand a kubelet's answer on as it is, which is plain text (k8s.io/kubelet, server.go)."""
_KUBELETS_REFUSAL = "Forbidden (user="
_NO_UPGRADE = re.compile(r"upgrade (request|header)|unable to upgrade: missing", re.IGNORECASE)
"""What the API server says to a request that has lost the headers of its upgrade (k8s.io/apimachinery, httpstream)."""
_BAD_REQUEST = 400


def not_upgraded(http_status: int, body: bytes, retry_after: str = "") -> ApiError:
    """The error of an answer that is no WebSocket: the API server's own, or a WebSocketRefusedError."""
    text = body.decode(errors="replace")
    status = status_of(text)
    if status and status.get("kind") != "Status":  # a gateway's own JSON
        text = str(status["message"])
        status = None
    if status and not (http_status == _BAD_REQUEST and _NO_UPGRADE.search(str(status["message"]))):
        return api_error(http_status, text, retry_after)
    by_kubelet = http_status in _KUBELETS or text.startswith(_KUBELETS_REFUSAL)
    if not status and by_kubelet and text.strip() and not _PAGE.match(text):
        return api_error(http_status, text, retry_after)
    told = str(status["message"]) if status else words(text)
    return WebSocketRefusedError(
        f"exec and attach take a WebSocket, and HTTP {http_status} was answered instead"
        f"{f' ({told})' if told else ''}: {NOT_THROUGH}",
        http_status=http_status,
        retry_after=retry_after,
    )


def words(text: str) -> str:
    """What a person would read of it, shortened: the title of a page, else its text."""
    if _PAGE.match(text):
        title = _TITLE.search(text)
        text = html.unescape(title[1] if title and title[1].strip() else _MARKUP.sub(" ", text))
    return " ".join(text.split())[:_SHOWN_CHARACTERS]
