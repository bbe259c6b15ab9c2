"""One caller's connection: read a request, have it decided, pass it on, pass the answer back.

The server makes one for each connection; `decision` says what may happen and `upstream` reads the
app's answer. One request is in flight at a time, and the app sees nothing of a request that was
not allowed. Every state has a deadline, which the server's sweep compares with the clock, so that
no timer is made for a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto
from time import perf_counter
from typing import Any

from parlor_kit.tokens import Claims

from parlor_sidecar import problems
from parlor_sidecar.context import Context
from parlor_sidecar.decision import Examined, Refused, Verdict, examine, forwarded
from parlor_sidecar.reader import END, RequestReader, check_beginning
from parlor_sidecar.upstream import Upstream
from parlor_sidecar.wire import Wire

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
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


class Connection(asyncio.Protocol):
    """Serves one caller's connection."""

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
        self.state = State.IDLE
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

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        context = self._context
        self._wire.made(transport)
        self._peer = self._wire.peer
        context.connections.add(self)
        self.deadline = context.loop.time() + context.settings.head_seconds
        if len(context.connections) > context.settings.max_connections or context.draining:
            self._refuse(Verdict("overloaded", "connections"))
            self._close_gently()

    def data_received(self, data: bytes) -> None:
        state = self.state
        if state is State.IDLE or state is State.HEAD:
            self._take_head(data)
        elif state is State.SENDING:
            self._take_body(data)
        elif state is State.TUNNEL:
            self._take_tunnel(data)
        elif state is State.DECIDING and not self._reader.complete:
            self._buffer += data
        elif state is State.WAITING or state is State.DECIDING:
            # Pipelined: the answer under way is the last one here.
            self._excess = self._close = True
            if self._request is not None and self._request.upgrade:
                self._fail("bad_request", "early_tunnel_data")

    def eof_received(self) -> bool:
        """A caller that has said all it wants to say still gets its answer, except over TLS."""
        self._close = True
        return self.state in (State.WAITING, State.DECIDING) and self._wire.can_half_close

    def connection_lost(self, exc: Exception | None) -> None:
        tunnel, self.state = self.state is State.TUNNEL, State.CLOSED
        self._wire.lost()
        self._context.connections.discard(self)
        if tunnel and self._upstream is not None:
            self._upstream.close()
        self._let_go(abort=True)
        if self._task is not None:
            self._task.cancel()

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

    # What the server calls.

    def sweep(self, now: float) -> None:
        """End a state that has lasted too long."""
        if now < self.deadline:
            return
        state = self.state
        if state is State.HEAD:
            self._refuse(Verdict("request_timeout", "head"))
        elif state is State.DECIDING:
            self._fail("upstream_unavailable", "deciding")
        elif state is State.SENDING:
            self._fail("request_timeout", "body")
        elif state is State.WAITING:
            self._fail("upstream_timeout", "stalled" if self._answered else "answer")
        else:
            self.abort()

    def drain(self) -> None:
        """Close as soon as nothing is under way."""
        self._close = True
        if self.state is State.IDLE:
            self.abort()

    # The head.

    def _take_head(self, data: bytes) -> None:
        context = self._context
        limit = context.settings.max_head_bytes
        if self.state is State.IDLE:
            self.state = State.HEAD
            self.deadline = context.loop.time() + context.settings.head_seconds
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(END, 0, limit)
        if end < 0:
            if len(buffer) >= limit:
                self._refuse(Verdict("headers_too_large", "head_bytes"))
                return
            self._buffer = buffer
            try:
                check_beginning(buffer)
            except Refused as refused:
                self._refuse(refused.verdict)
            return
        self._buffer = b""
        end += len(END)
        self._started = perf_counter()
        try:
            self._examine(buffer[:end], buffer[end:])
        except Refused as refused:
            # After a refused form nobody can know where the next request would begin.
            self._close = True
            self._refuse(refused.verdict)

    def _examine(self, raw: bytes, rest: bytes) -> None:
        context = self._context
        request = examine(self._reader.head(raw), context.limits)
        self._request = request
        pieces: list[bytes] = []
        if rest:
            if not request.has_body or 0 < request.length < len(rest):
                raise Refused("bad_request", "pipelining")
            pieces = self._reader.body(rest, context.limits.max_body_bytes)
        self._close = self._close or request.close or request.upgrade or context.draining
        self._outgoing = b"" if not pieces else self._framed(pieces)
        decided = context.gate.quick(request)
        if decided is not None:
            self._decided(request, *decided)
        else:
            self._suspend(self._settle(request))

    # The decision.

    def _suspend(self, work: Coroutine[Any, Any, None]) -> None:
        """Leave the loop to others while something is waited for; read no more meanwhile."""
        self.state = State.DECIDING
        self.deadline = self._context.loop.time() + DECIDING_SECONDS
        self._wire.read(False)
        self._task = self._context.loop.create_task(work)

    async def _settle(self, request: Examined) -> None:
        verdict, claims = await self._context.gate.settle(request)
        if self.state is State.DECIDING:
            self._decided(request, verdict, claims)

    def _decided(self, request: Examined, verdict: Verdict, claims: Claims | None) -> None:
        context = self._context
        if verdict.allowed and context.in_flight >= context.settings.max_in_flight:
            verdict = Verdict("overloaded", "in_flight", verdict.rule)
        if not verdict.allowed or claims is None:
            self._refuse(verdict, claims)
            return
        context.audit.decided(verdict, request, claims, self._peer)
        context.metrics.decisions[verdict.code, verdict.reason] += 1
        context.in_flight += 1
        self._counted = True
        if request.expects_continue and not self._reader.complete and not self._outgoing:
            self._wire.write(CONTINUE)
        self._outgoing = forwarded(request, claims.sub) + self._outgoing
        upstream = context.pool.take()
        if upstream is not None:
            self._forward(request, upstream)
        else:
            self._suspend(self._reach(request))

    async def _reach(self, request: Examined) -> None:
        try:
            upstream = await self._context.pool.connect()
        except OSError:
            if self.state is State.DECIDING:
                self._fail("upstream_unavailable", "connect")
            return
        if self.state is not State.DECIDING:
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
        resumed = self.state is State.DECIDING
        self.state = State.WAITING if self._reader.complete else State.SENDING
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
            self.state = State.WAITING
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
        elif self.state is State.WAITING:
            self._extend()

    def tunnel_opens(self, head: bytes, early: bytes) -> None:
        settings = self._context.settings
        self._answered = True
        self.state = State.TUNNEL
        self._closing_at = self._context.loop.time() + settings.tunnel_seconds
        self._extend()
        self._wire.write(head + b"\r\n" + early)

    def tunnel_part(self, data: bytes) -> None:
        self._extend()
        self._wire.write(data)

    def answer_fails(self, reason: str, *, begun: bool) -> None:
        request, upstream = self._request, self._upstream
        self._upstream = None
        if self.state is State.TUNNEL:
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
        self._let_go(abort=False)
        if self._close or not whole:
            self._end()
            return
        self._clear()
        self.state = State.IDLE
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
        if self.state is State.TUNNEL:
            self.deadline = min(now + settings.tunnel_idle_seconds, self._closing_at)
        elif self.state is State.WAITING:
            self.deadline = now + settings.answer_seconds

    # The ends.

    def _refuse(self, verdict: Verdict, claims: Claims | None = None) -> None:
        """Answer a request that goes no further."""
        context, request = self._context, self._request
        context.audit.decided(verdict, request, claims, self._peer)
        context.metrics.decisions[verdict.code, verdict.reason] += 1
        keep = request is not None and self._reader.complete and not self._close
        self._answer(verdict.code, keep=keep)

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
        self.state = State.IDLE
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
        if self.state is State.CLOSED:
            return
        self._let_go(abort=True)
        if (self._reader.complete and not self._excess) or not self._wire.can_half_close:
            self._close_gently()
            return
        self.state = State.LINGERING
        self.deadline = self._context.loop.time() + LINGER_SECONDS
        self._wire.half_close()
        self._wire.read(True)

    def _close_gently(self) -> None:
        """Close once what was written is sent, or the sweep loses patience."""
        self.state = State.CLOSED
        self.deadline = self._context.loop.time() + self._context.settings.stall_seconds
        self._wire.close()

    def abort(self) -> None:
        """Cut it off."""
        self.state = State.CLOSED
        self._let_go(abort=True)
        self._wire.abort()
