"""Request ids and W3C trace context: taken or made at the edge, carried to logs, calls and events.

https://www.w3.org/TR/trace-context/ — only the parts that join a trace: version 00, a trace id, a
parent id and flags. The context lives in contextvars, which structlog merges into each line.
"""

import re
import secrets
from dataclasses import dataclass

import structlog

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True, slots=True)
class Trace:
    """Which request this is, and which distributed trace it belongs to."""

    request_id: str
    traceparent: str

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


def open_trace(request_id: str | None, traceparent: str | None) -> Trace:
    """Join the caller's trace, or begin one. Malformed values are replaced, never echoed."""
    span = secrets.token_hex(8)
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match and match[1] != "0" * 32 and match[2] != "0" * 16:
        trace = f"00-{match[1]}-{span}-{match[3]}"
    else:
        trace = f"00-{secrets.token_hex(16)}-{span}-01"
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = secrets.token_hex(16)
    return Trace(request_id, trace)


def bind(trace: Trace) -> None:
    """Make `trace` the one that this task's log lines, calls and events carry."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=trace.request_id, trace_id=trace.trace_id, traceparent=trace.traceparent
    )


def current() -> Trace:
    """The bound trace; outside a request, a new one."""
    bound = structlog.contextvars.get_contextvars()
    if "request_id" in bound and "traceparent" in bound:
        return Trace(bound["request_id"], bound["traceparent"])
    return open_trace(None, None)
