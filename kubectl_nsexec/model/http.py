"""What an API server answers with: JSON objects, and the statuses that decide something here (RFC 9110, 15)."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""An object of the API as it stands in JSON."""

BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 403, 404, 409
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
"""The least of those that say that the server failed, not the request."""
