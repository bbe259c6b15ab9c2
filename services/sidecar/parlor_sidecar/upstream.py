"""One connection to the app's Unix socket, and the strict reading of its answers.

`connection` takes an `Upstream` from the pool for one request and gives it back. It is never
trusted to be in step: it returns to the pool only after a whole answer, meant to be kept alive, to
a request that was sent whole; bytes that nobody asked for end it.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import httptools

from parlor_sidecar import headers as header_lines
from parlor_sidecar.headers import (
    CONNECTION,
    CONTENT_LENGTH,
    FORWARD,
    REFUSE,
    TRANSFER_ENCODING,
    Remembered,
)
from parlor_sidecar.wire import Wire

if TYPE_CHECKING:
    from parlor_sidecar.pool import Pool

MAX_ANSWER_HEADERS = 100
MAX_ANSWER_HEAD_BYTES = 64 * 1024

_kinds = Remembered(header_lines.of_answer)
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class AnswerRefused(Exception):
    """The app's answer cannot be passed on safely."""


class Waiting(Protocol):
    """Who waits for an answer."""

    def answer_begins(self) -> bytes:
        """The head of the answer is read; returns the lines to end our own head with."""

    def answer_part(self, data: bytes, finished: bool) -> None:
        """Bytes for the caller, in our framing."""

    def tunnel_opens(self, head: bytes, early: bytes) -> None:
        """The app switched protocols."""

    def tunnel_part(self, data: bytes) -> None:
        """Bytes for the caller, in the tunnel."""

    def answer_fails(self, reason: str, *, begun: bool) -> None:
        """There will be no whole answer; `begun` when nothing may be sent again."""

    def upstream_is_full(self, full: bool) -> None:
        """The app reads more slowly than the caller writes, or no longer so."""


class Upstream(asyncio.Protocol):
    """One connection to the app."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._wire = Wire()
        self._waiting: Waiting | None = None
        self._tunnel = False
        self.idle_since = 0.0
        self.served = 0
        self._parser = httptools.HttpResponseParser(self)
        self._reset(head_only=False, upgrade=False)

    def _reset(self, *, head_only: bool, upgrade: bool) -> None:
        self._head_only = head_only
        self._upgrade = upgrade
        self._headers: list[tuple[bytes, bytes]] = []
        self._out: list[bytes] = []
        self._received = 0
        self._began = False  # a final head was read
        self._interim = False
        self._complete = False
        self._keep_alive = False
        self._chunked = False
        self._until_close = False
        self._status = 0

    @property
    def usable(self) -> bool:
        return self._wire.open

    def ask(self, waiting: Waiting, request: bytes, *, head_only: bool, upgrade: bool) -> None:
        """Send a request's head, and whatever of its body is there."""
        self._reset(head_only=head_only, upgrade=upgrade)
        self._waiting = waiting
        self.send(request)

    def send(self, data: bytes) -> None:
        self._wire.write(data)

    def give_back(self, now: float, *, sent_whole: bool) -> None:
        """End this exchange: into the pool when everything was in order, else gone."""
        self._waiting = None
        if self._complete and self._keep_alive and sent_whole and self.usable:
            self._wire.read(True)
            self.idle_since = now
            self._pool.put(self)
        else:
            self.abort()

    def abort(self) -> None:
        self._waiting = None
        self._wire.abort()

    def close(self) -> None:
        """End a tunnel after what was written."""
        self._waiting = None
        self._wire.close()

    def read(self, reading: bool) -> None:
        """Go on reading, or stop: the caller reads more slowly than the app writes."""
        self._wire.read(reading)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire.made(transport)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        if waiting is None:
            self._pool.unsolicited += 1
            self.abort()
            return
        if self._tunnel:
            waiting.tunnel_part(data)
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switched:
            self._switch(waiting, data[switched.args[0] :])
            return
        except httptools.HttpParserError:
            self._fail("malformed")
            return
        if not self._began and self._received > MAX_ANSWER_HEAD_BYTES:
            self._fail("head_too_large")
            return
        if self._out or self._complete:
            out = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            waiting.answer_part(out, self._complete)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire.lost()
        self._pool.closed(self)
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if self._began and self._until_close and exc is None and not self._complete:
            self._complete = True
            waiting.answer_part(b"0\r\n\r\n", True)
        else:
            waiting.answer_fails("closed", begun=self._received > 0)

    def pause_writing(self) -> None:
        if self._waiting is not None:
            self._waiting.upstream_is_full(True)

    def resume_writing(self) -> None:
        if self._waiting is not None:
            self._waiting.upstream_is_full(False)

    # What httptools calls.

    def on_message_begin(self) -> None:
        if self._complete:
            # A second answer to one request: out of step, whatever it says.
            self._keep_alive = False
            raise AnswerRefused("overrun")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._began:
            return  # a trailer: nobody asked for one
        if len(self._headers) >= MAX_ANSWER_HEADERS:
            raise AnswerRefused("too_many_headers")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200:
            self._interim = True
            return
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            raise AnswerRefused("version")
        if self._waiting is None or not 200 <= self._status <= 599:
            raise AnswerRefused("status")
        self._began = True
        self._out.append(self._head(self._waiting))

    def on_body(self, piece: bytes) -> None:
        if self._head_only:
            return  # the app sent one all the same; this connection serves no other request
        if self._complete:
            raise AnswerRefused("overrun")
        if self._chunked:
            self._out.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self._out.append(piece)

    def on_message_complete(self) -> None:
        if self._interim:
            # 100 Continue and its kind end here: the caller has our own.
            self._interim = False
            if self._status != 101:
                self._headers = []
            return
        self._keep_alive = (
            self._parser.should_keep_alive() and not self._until_close and not self._head_only
        )
        self._complete = True
        if self._chunked:
            self._out.append(b"0\r\n\r\n")

    def _head(self, waiting: Waiting) -> bytes:
        lines = [_STATUS_LINES.get(self._status) or b"HTTP/1.1 %d Other\r\n" % self._status]
        length: bytes | None = None
        coding: bytes | None = None
        named: set[bytes] = set()
        for name, raw in self._headers:
            kind = _kinds[name]
            value = raw.strip(b" \t")
            if kind == FORWARD:
                lines.append(b"%b: %b\r\n" % (name, value))
            elif kind == CONTENT_LENGTH:
                if length is not None or not value.isdigit():
                    raise AnswerRefused("framing")
                length = value
            elif kind == TRANSFER_ENCODING:
                if coding is not None or value != b"chunked":
                    raise AnswerRefused("framing")
                coding = value
            elif kind == CONNECTION:
                named |= header_lines.tokens_of(value)
            elif kind == REFUSE:
                raise AnswerRefused("header_name")
        if length is not None and coding is not None:
            raise AnswerRefused("framing")
        if named and named - {b"close", b"keep-alive"}:
            lines = [line for line in lines if line.partition(b":")[0].lower() not in named]
        if self._status in (204, 304):
            if self._status == 304 and length is not None:
                lines.append(b"Content-Length: %b\r\n" % length)
        elif length is not None:
            lines.append(b"Content-Length: %b\r\n" % length)
        elif self._head_only:
            pass
        else:
            self._chunked = True
            self._until_close = coding is None
            lines.append(b"Transfer-Encoding: chunked\r\n")
        if self._head_only:
            # The parser cannot know that no body follows, so this connection serves no other.
            self._complete = True
            self._chunked = False
        lines.append(waiting.answer_begins())
        return b"".join(lines)

    def _switch(self, waiting: Waiting, early: bytes) -> None:
        if self._status != 101 or not self._upgrade:
            self._fail("switched")
            return
        lines = [_STATUS_LINES[101], b"Connection: Upgrade\r\nUpgrade: websocket\r\n"]
        for name, value in self._headers:
            if _kinds[name] == FORWARD:
                lines.append(b"%b: %b\r\n" % (name, value.strip(b" \t")))
        self._began = self._tunnel = True
        waiting.tunnel_opens(b"".join(lines), early)

    def _fail(self, reason: str) -> None:
        waiting = self._waiting
        self.abort()
        if waiting is not None:
            waiting.answer_fails(reason, begun=True)
