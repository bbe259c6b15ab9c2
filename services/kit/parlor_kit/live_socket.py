"""One live socket: a thin layer on Sanic's WebSocket that is quick and bounded.

Sanic does the handshake, pings and close; frames of ours are serialised once for all receivers and
written straight to the transport. What the transport cannot pass on is its queue: past the limit
the socket is closed with 4408 and the client resumes. Messages from the client arrive by callback,
so a busy socket costs no task switches.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sanic import Request
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from parlor_kit import metrics

NOT_AUTHENTICATED = 4401
NOT_ENTITLED = 4403
UNKNOWN = 4404
TOO_SLOW = 4408
GOING_AWAY = 1001

QUEUE_BYTES = 1024 * 1024
_AT_ONCE_BYTES = 64 * 1024
_CLOSE_SECONDS = 10


def text_frame(payload: bytes) -> bytes:
    """A server's unfragmented text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class LiveSocket:
    """A socket of one viewer on one stream; `seq` is the last event that it was sent."""

    def __init__(self, ws: Any, *, queue_bytes: int = QUEUE_BYTES) -> None:
        self._ws = ws
        self._protocol = ws.io_proto
        self._transport = ws.io_proto.transport
        self._loop = asyncio.get_running_loop()
        self._queue_bytes = queue_bytes
        self._on_text: Callable[[bytes], None] | None = None
        self._early: list[bytes] = []
        self._fragments: list[bytes] = []
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self.closing = False
        self.close_code: int | None = None
        self.viewer: UUID | None = None
        self.seq = 0
        self.live = False
        self._protocol.websocket = self
        metrics.SOCKETS.inc()

    # -- sending

    def send(self, frame: bytes) -> bool:
        """Queue a ready frame; False when the socket is closing or has just overflowed.

        What is sent in one turn of the loop, or the next, goes out in one write: a batch that
        commits brings a busy socket several events and acks, and a write is the dearest part.
        """
        if self.closing:
            return False
        if self.queued > self._queue_bytes:
            self.shut(TOO_SLOW, "too slow: resume from your last seq")
            return False
        if not self._pending:
            self._loop.call_soon(self._loop.call_soon, self._write_pending)
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        if self._pending_bytes > _AT_ONCE_BYTES:
            self._write_pending()  # so that `queued` counts what the network does not take
        return True

    @property
    def queued(self) -> int:
        """Bytes that the client has not taken yet, as far as we can tell."""
        return self._pending_bytes + int(self._transport.get_write_buffer_size())

    def _write_pending(self) -> None:
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        if pending and not self._ended.done():
            self._transport.write(pending[0] if len(pending) == 1 else b"".join(pending))

    def send_json(self, payload: bytes) -> bool:
        return self.send(text_frame(payload))

    async def drained(self) -> None:
        """Wait until the transport takes more; used between the parts of a replay."""
        self._write_pending()
        if not self.closing:
            try:
                async with asyncio.timeout(30):
                    await self._protocol._can_write.wait()
            except TimeoutError:
                self.shut(TOO_SLOW, "too slow: resume from your last seq")

    def shut(self, code: int, reason: str = "") -> None:
        """Send the close frame after what is queued, and give the client a while to answer."""
        if self.closing:
            return
        self.closing = True
        self.live = False
        self.close_code = code
        metrics.SOCKETS_CLOSED.labels(str(code)).inc()
        if self._ws.ws_proto.state is State.OPEN:
            self._ws.ws_proto.send_close(code, reason)
            self._flush()
        self._loop.call_later(_CLOSE_SECONDS, self._abort)

    def _abort(self) -> None:
        if not self._ended.done():
            self._transport.abort()

    # -- receiving

    def listen(self, on_text: Callable[[bytes], None]) -> None:
        """Deliver every text message to `on_text`, those that came early first."""
        self._on_text = on_text
        early, self._early = self._early, []
        for text in early:
            on_text(text)

    def pause(self) -> None:
        if not self._ended.done():
            self._transport.pause_reading()

    def resume(self) -> None:
        if not self._ended.done():
            self._transport.resume_reading()

    async def ended(self) -> None:
        """Return when the connection is gone."""
        await asyncio.shield(self._ended)

    def _text(self, text: bytes) -> None:
        if self._on_text is None:
            self._early.append(text)
            if len(self._early) > 64:
                self.shut(1008, "too many messages before the welcome")
        elif not self.closing:
            self._on_text(text)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._text(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                whole, self._fragments = b"".join(self._fragments), []
                self._text(whole)
        elif frame.opcode is Opcode.PONG:
            self._loop.create_task(self._ws.process_pong(frame))
        elif frame.opcode is Opcode.BINARY:
            self.shut(1003, "send JSON as text")

    def _flush(self) -> None:
        """Write what the protocol answers by itself: pongs and the close, after what is queued."""
        ended = False
        for data in self._ws.ws_proto.data_to_send():
            self._write_pending()
            if data:
                self._transport.write(data)
            else:
                ended = True
        if ended:
            self._transport.close()

    # -- what Sanic's protocol calls on its websocket

    @property
    def ws_proto(self) -> Any:
        return self._ws.ws_proto

    @property
    def loop(self) -> Any:
        return self._ws.loop

    def data_received(self, data: bytes) -> None:
        try:
            self._ws.ws_proto.receive_data(data)
        except ProtocolError:
            self._transport.abort()
            return
        events = self._ws.ws_proto.events_received()
        self._flush()
        for event in events:
            if isinstance(event, Frame):
                self._frame(event)

    def eof_received(self) -> bool | None:
        self._ws.ws_proto.receive_eof()
        self._flush()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
            metrics.SOCKETS.dec()
        self.closing = True
        self.live = False
        self._ws.connection_lost(error)

    def end_connection(self, code: int = 1000, reason: str = "") -> None:
        self.shut(code, reason)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.shut(code, reason)


class LiveProtocol(WebSocketProtocol):
    """Sanic's protocol, handing each upgraded connection to a `LiveSocket` at once."""

    async def websocket_handshake(
        self, request: Request, subprotocols: Sequence[str] | None = None
    ) -> Any:
        return LiveSocket(await super().websocket_handshake(request, subprotocols))
