"""One caller's connection: read a request's head, have it decided, and hand it to `delivery`.

The server makes one for each connection; `decision` says what may happen and `upstream` reads the
app's answer. The app sees nothing of a request that was not allowed. Every state has a deadline,
which the server's sweep compares with the clock, so that no timer is made for a request.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from parlor_kit.tokens import Claims

from parlor_sidecar.decision import Examined, Refused, Verdict, examine, forwarded
from parlor_sidecar.delivery import (
    CLOSED,
    DECIDING,
    HEAD,
    IDLE,
    SENDING,
    TUNNEL,
    WAITING,
    Delivery,
)
from parlor_sidecar.reader import END, check_beginning

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Delivery):
    """Serves one caller's connection."""

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
        if state is IDLE or state is HEAD:
            self._take_head(data)
        elif state is SENDING:
            self._take_body(data)
        elif state is TUNNEL:
            self._take_tunnel(data)
        elif state is DECIDING and not self._reader.complete:
            self._buffer += data
        elif state is WAITING or state is DECIDING:
            # Pipelined: the answer under way is the last one here.
            self._excess = self._close = True
            if self._request is not None and self._request.upgrade:
                self._fail("bad_request", "early_tunnel_data")

    def eof_received(self) -> bool:
        """A caller that has said all it wants to say still gets its answer, except over TLS."""
        self._close = True
        return self.state in (WAITING, DECIDING) and self._wire.can_half_close

    def connection_lost(self, exc: Exception | None) -> None:
        tunnel, self.state = self.state is TUNNEL, CLOSED
        self._wire.lost()
        self._context.connections.discard(self)
        if tunnel and self._upstream is not None:
            self._upstream.close()
        self._let_go(abort=True)
        if self._task is not None:
            self._task.cancel()

    # What the server calls.

    def sweep(self, now: float) -> None:
        """End a state that has lasted too long."""
        if now < self.deadline:
            return
        state = self.state
        if state is HEAD:
            self._refuse(Verdict("request_timeout", "head"))
        elif state is DECIDING:
            self._fail("upstream_unavailable", "deciding")
        elif state is SENDING:
            self._fail("request_timeout", "body")
        elif state is WAITING:
            self._fail("upstream_timeout", "stalled" if self._answered else "answer")
        else:
            self.abort()

    def drain(self) -> None:
        """Close as soon as nothing is under way."""
        self._close = True
        if self.state is IDLE:
            self.abort()

    # The head.

    def _take_head(self, data: bytes) -> None:
        context = self._context
        limit = context.settings.max_head_bytes
        if self.state is IDLE:
            if data.endswith(END) and data.find(END, 0, limit) == len(data) - len(END):
                # The usual case: one packet, one head, nothing else.
                self._begin(data, b"")
                return
            self.state = HEAD
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
        self._begin(buffer[:end], buffer[end:])

    def _begin(self, raw: bytes, rest: bytes) -> None:
        self._started = perf_counter()
        try:
            self._examine(raw, rest)
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

    async def _settle(self, request: Examined) -> None:
        verdict, claims = await self._context.gate.settle(request)
        if self.state is DECIDING:
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

    # A refusal.

    def _refuse(self, verdict: Verdict, claims: Claims | None = None) -> None:
        """Answer a request that goes no further."""
        context, request = self._context, self._request
        context.audit.decided(verdict, request, claims, self._peer)
        context.metrics.decisions[verdict.code, verdict.reason] += 1
        keep = request is not None and self._reader.complete and not self._close
        self._answer(verdict.code, keep=keep)
