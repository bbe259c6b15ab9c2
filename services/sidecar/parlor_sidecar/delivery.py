"""How an allowed request reaches the app, how its answer comes back, and how a connection ends.

The second half of `connection`, which inherits it: there a request is read and decided, here it is
passed on. It keeps one request in flight, and gives an app's connection back to the pool only when
both directions ended in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto
from time import perf_counter
from typing import Any

from parlor_sidecar import problems
from parlor_sidecar.context import Context
from parlor_sidecar.decision import Examined, Refused
from parlor_sidecar.reader import RequestReader
from parlor_sidecar.upstream import Upstream
from parlor_sidecar.wire import Wire

LINGER_SECONDS = 1.0
DECIDING_SECONDS = 15.0  # above what fetching keys and reaching the app may take together
_SAFE = frozenset({"GET", "HEAD"})


class State(Enum):
    """Where a connection is; what bytes mean depends on it."""

    IDLE = auto()  # between requests
    HEAD = auto()  # a head has begun
    DECIDING = auto()  # the credential is being verified, or the app being reached
    SENDING = auto()  # the body is on its way to the app
    WAITING = auto()  # the request is sent, the answer is not complete
    TUNNEL = auto()  # upgraded
    LINGERING = auto()  # answered for the last time; what still comes is discarded
    CLOSED = auto()


# A member of an enumeration is looked up slowly, and each request passes through four states.
IDLE = State.IDLE
HEAD = State.HEAD
DECIDING = State.DECIDING
SENDING = State.SENDING
WAITING = State.WAITING
TUNNEL = State.TUNNEL
LINGERING = State.LINGERING
CLOSED = State.CLOSED


class Delivery(asyncio.Protocol):
    """Passes on what was allowed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wire = Wire()
        self._reader = RequestReader()
        self._buffer = b""
        self._peer = ""
        self._upstream: Upstream | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing_at = 0.0
        self._full = False  # the caller leaves answers unread
        self.state = IDLE
        self.deadline = 0.0
        self._clear()

    def _clear(self) -> None:
        self._request: Examined | None = None
        self._outgoing = b""
        self._close = False
        self._excess = False
        self._answered = False  # bytes of an answer have gone to the caller
        self._retried = False
        self._counted = False
        self._started = 0.0
        self._asked = 0.0

    def pause_writing(self) -> None:
        self._full = True
        if self._upstream is not None:
            self._upstream.read(False)
        self.deadline = self._context.loop.time() + self._context.settings.stall_seconds

    def resume_writing(self) -> None:
        self._full = False
        if self._upstream is not None:
            self._upstream.read(True)
        self._extend()

    # Towards the app.

    def _suspend(self, work: Coroutine[Any, Any, None]) -> None:
        """Leave the loop to others while something is waited for; read no more meanwhile."""
        self.state = DECIDING
        self.deadline = self._context.loop.time() + DECIDING_SECONDS
        self._wire.read(False)
        self._task = self._context.loop.create_task(work)

    async def _reach(self, request: Examined) -> None:
        try:
            upstream = await self._context.pool.connect()
        except OSError:
            if self.state is DECIDING:
                self._fail("upstream_unavailable", "connect")
            return
        if self.state is not DECIDING:
            upstream.abort()
        elif not upstream.usable:
            self._fail("upstream_failed", "spoke_first")
        else:
            self._forward(request, upstream)

    def _forward(self, request: Examined, upstream: Upstream) -> None:
        context = self._context
        outgoing = self._outgoing
        if request.has_body or request.method not in _SAFE:
            self._outgoing = b""  # else kept: it may be sent once more
        self._upstream = upstream
        self._asked = perf_counter()
        resumed = self.state is DECIDING
        self.state = WAITING if self._reader.complete else SENDING
        self.deadline = context.loop.time() + (
            context.settings.answer_seconds
            if self._reader.complete
            else context.settings.body_seconds
        )
        if self._full:
            upstream.read(False)
        upstream.ask(self, outgoing, head_only=request.method == "HEAD", upgrade=request.upgrade)
        if resumed:
            self._wire.read(True)
            if self._buffer:
                data, self._buffer = self._buffer, b""
                self.data_received(data)

    # The body.

    def _take_body(self, data: bytes) -> None:
        context = self._context
        try:
            pieces = self._reader.body(data, context.limits.max_body_bytes)
        except Refused as refused:
            self._fail(refused.verdict.code, refused.verdict.reason)
            return
        upstream = self._upstream
        if upstream is not None:
            upstream.send(self._framed(pieces))
        if self._reader.complete:
            self.state = WAITING
            self.deadline = context.loop.time() + context.settings.answer_seconds

    def _framed(self, pieces: list[bytes]) -> bytes:
        """The pieces in the framing that the forwarded head announces."""
        if self._request is None or self._request.length >= 0:
            return b"".join(pieces)
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        if self._reader.complete:
            chunks.append(b"0\r\n\r\n")
        return b"".join(chunks)

    # The answer: what `upstream` calls.

    def answer_begins(self) -> bytes:
        context = self._context
        context.metrics.upstream_seconds.observe(perf_counter() - self._asked)
        if not self._reader.complete or context.draining:
            self._close = True
        return b"Connection: close\r\n\r\n" if self._close else b"\r\n"

    def answer_part(self, data: bytes, finished: bool) -> None:
        self._answered = True
        self._wire.write(data)
        if finished:
            self._finish()
        elif self.state is WAITING:
            self._extend()

    def tunnel_opens(self, head: bytes, early: bytes) -> None:
        settings = self._context.settings
        self._answered = True
        self.state = TUNNEL
        self._closing_at = self._context.loop.time() + settings.tunnel_seconds
        self._extend()
        self._wire.write(head + b"\r\n" + early)

    def tunnel_part(self, data: bytes) -> None:
        self._extend()
        self._wire.write(data)

    def answer_fails(self, reason: str, *, begun: bool) -> None:
        request, upstream = self._request, self._upstream
        self._upstream = None
        if self.state is TUNNEL:
            self._end()
            return
        stale = upstream is not None and upstream.served > 0 and not begun
        if stale and request is not None and self._outgoing and not self._retried:
            # The app closed an idle connection as we took it; nothing was done, nobody knows.
            self._retried = True
            self._context.metrics.retries += 1
            self._suspend(self._reach(request))
            return
        self._fail("upstream_failed", reason)

    def upstream_is_full(self, full: bool) -> None:
        self._wire.read(not full)

    def _finish(self) -> None:
        context = self._context
        now = context.loop.time()
        context.metrics.request_seconds.observe(perf_counter() - self._started)
        whole = self._reader.complete
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.give_back(now, sent_whole=whole)
        if self._counted:
            self._counted = False
            context.in_flight -= 1
        if self._close or not whole:
            self._end()
            return
        self._request = None
        self._outgoing = b""
        self._answered = self._retried = False
        self.state = IDLE
        self.deadline = now + context.settings.idle_seconds

    # The tunnel.

    def _take_tunnel(self, data: bytes) -> None:
        self._extend()
        if self._upstream is not None:
            self._upstream.send(data)

    def _extend(self) -> None:
        """Something moved: the present state may last again as long as it may."""
        settings = self._context.settings
        now = self._context.loop.time()
        if self.state is TUNNEL:
            self.deadline = min(now + settings.tunnel_idle_seconds, self._closing_at)
        elif self.state is WAITING:
            self.deadline = now + settings.answer_seconds

    # The ends.

    def _fail(self, code: str, reason: str) -> None:
        """End a request that was allowed and went wrong."""
        context, request = self._context, self._request
        context.metrics.failures[code, reason] += 1
        if request is not None:
            context.audit.failed(code, reason, request)
        if self._answered:
            # The answer is half written: only a broken connection says so.
            self.abort()
        else:
            self._answer(code, keep=False)

    def _answer(self, code: str, *, keep: bool) -> None:
        context, request = self._context, self._request
        self._let_go(abort=True)
        without_body = request is not None and request.method == "HEAD"
        request_id = request.request_id if request is not None else problems.new_request_id()
        self._wire.write(
            problems.render(code, request_id, close=not keep, without_body=without_body)
        )
        if not keep:
            self._end()
            return
        self._clear()
        self.state = IDLE
        self.deadline = context.loop.time() + context.settings.idle_seconds
        self._wire.read(True)

    def _let_go(self, *, abort: bool) -> None:
        """Give up what this request holds."""
        if self._counted:
            self._counted = False
            self._context.in_flight -= 1
        upstream, self._upstream = self._upstream, None
        if upstream is not None and abort:
            upstream.abort()

    def _end(self) -> None:
        """Say that nothing follows, and listen a little so that the last answer arrives."""
        if self.state is CLOSED:
            return
        self._let_go(abort=True)
        if (self._reader.complete and not self._excess) or not self._wire.can_half_close:
            self._close_gently()
            return
        self.state = LINGERING
        self.deadline = self._context.loop.time() + LINGER_SECONDS
        self._wire.half_close()
        self._wire.read(True)

    def _close_gently(self) -> None:
        """Close once what was written is sent, or the sweep loses patience."""
        self.state = CLOSED
        self.deadline = self._context.loop.time() + self._context.settings.stall_seconds
        self._wire.close()

    def abort(self) -> None:
        """Cut it off."""
        self.state = CLOSED
        self._let_go(abort=True)
        self._wire.abort()
