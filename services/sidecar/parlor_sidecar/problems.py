"""The refusals of the sidecar on the wire: RFC 9457 problem details with stable codes.

Called by `connection`. The body never says more than the caller may know: which claim or rule
failed is in the audit line, not here.
"""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from typing import NamedTuple


class Problem(NamedTuple):
    """One stable code: its status, its words, and whether trying again later can help."""

    status: int
    title: str
    retry_after: int | None = None


PROBLEMS: dict[str, Problem] = {
    "bad_request": Problem(400, "The request could not be read safely"),
    "unauthenticated": Problem(401, "A valid service credential is needed"),
    "forbidden": Problem(403, "This caller may not use this route"),
    "request_timeout": Problem(408, "The request took too long to arrive"),
    "payload_too_large": Problem(413, "The body is too large"),
    "expectation_failed": Problem(417, "Only 100-continue can be expected"),
    "headers_too_large": Problem(431, "The request line and headers are too large"),
    "upstream_failed": Problem(502, "The service broke off its answer"),
    "upstream_unavailable": Problem(503, "The service cannot answer now", 1),
    "overloaded": Problem(503, "Too much is under way at once", 1),
    "upstream_timeout": Problem(504, "The service did not answer in time"),
    "http_version_not_supported": Problem(505, "Only HTTP/1.1 is spoken here"),
}


def new_request_id() -> str:
    """An id for a request that brought none, or none that can be repeated."""
    return secrets.token_hex(16)


def render(code: str, request_id: str, *, close: bool, without_body: bool = False) -> bytes:
    """A whole answer, head and body; `without_body` for the answer to a HEAD."""
    problem = PROBLEMS[code]
    body = json.dumps(
        {
            "type": f"https://parlor.dev/problems/{code}",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.title,
            "code": code,
            "request_id": request_id,
        },
        separators=(",", ":"),
    ).encode()
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"X-Request-ID: {request_id}",
    ]
    if problem.status == 401:
        lines.append("WWW-Authenticate: Bearer")
    if problem.retry_after is not None:
        lines.append(f"Retry-After: {problem.retry_after}")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if without_body else head + body
