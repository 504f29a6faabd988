"""What the API server answered, or that it did not, as our own errors."""

from __future__ import annotations

import json

from kubectl_nsexec.errors import ApiError

_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}
_SHOWN_CHARACTERS = 500


def api_error(http_status: int, body: bytes | str | None) -> ApiError:
    """The error of an HTTP answer, from its metav1.Status body where it has one."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("message"):
        return ApiError(str(document["message"]), reason=str(document.get("reason") or ""), status=http_status)
    words = text.strip()[:_SHOWN_CHARACTERS] or f"the server answered HTTP {http_status}"
    return ApiError(words, reason=_REASONS.get(http_status, f"HTTP {http_status}"), status=http_status)


def unreachable(server: str, error: Exception) -> ApiError:
    """The error of a server that gave no answer."""
    words = str(error).strip() or type(error).__name__
    return ApiError(f"the API server {server} could not be reached: {words}; check the kubeconfig, VPN and proxy")
