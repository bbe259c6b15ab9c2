"""The strict reading of requests: bytes in, a head and body pieces out, or a refusal.

Used by `connection`, one reader for each. The head is judged twice: by httptools with its strict
defaults, which refuse bare line breaks, folded lines, controls and blanks before a colon, and as a
block of bytes. The two must agree on the request line and on the number of headers. Nothing of
what was received is ever passed on as it came; a new head is written from what was understood.
"""

from __future__ import annotations

import re

import httptools

from parlor_sidecar.decision import Head, Refused

END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])\r\n")


class RequestReader:
    """Reads the requests of one connection, one at a time."""

    __slots__ = ("_body_bytes", "_headers", "_parser", "_pieces", "_wire_bytes", "complete")

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._body_bytes = 0
        self._wire_bytes = 0
        self.complete = False

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, piece: bytes) -> None:
        if self.complete:
            raise Refused("bad_request", "pipelining")
        self._pieces.append(piece)

    def on_message_begin(self) -> None:
        if self.complete:
            raise Refused("bad_request", "pipelining")

    def on_message_complete(self) -> None:
        self.complete = True

    # What the connection calls.

    def head(self, raw: bytes) -> Head:
        """Take a whole head, up to and with its empty line; raises `Refused`."""
        line = _REQUEST_LINE.match(raw)
        if line is None:
            raise Refused("bad_request", "request_line")
        if not raw.isascii():
            raise Refused("bad_request", "octets")
        headers = self._headers = []
        self._body_bytes = self._wire_bytes = 0
        self.complete = False
        self._feed(raw)
        # The request line, one line for each header, the empty line: no other reading is left.
        if len(headers) != raw.count(b"\n") - 2:
            raise Refused("bad_request", "headers")
        method, target, version = line.groups()
        return Head(method, target, version, headers)

    def body(self, data: bytes, limit: int) -> list[bytes]:
        """Take bytes of the body and return what they hold of it; raises `Refused`."""
        count = len(self._headers)
        self._wire_bytes += len(data)
        self._feed(data)
        if len(self._headers) != count:
            raise Refused("bad_request", "trailer")
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            self._body_bytes += len(piece)
        if self._body_bytes > limit:
            raise Refused("payload_too_large", "body_too_large")
        # Chunks of one byte, or long extensions, are work without content.
        if self._wire_bytes > 8 * limit + 4096:
            raise Refused("bad_request", "chunk_overhead")
        return pieces

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is over, and whoever called decides whether it may have its tunnel.
            pass
        except httptools.HttpParserCallbackError as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, Refused):
                raise cause from None
            raise
        except httptools.HttpParserError:
            raise Refused("bad_request", "syntax") from None


def check_beginning(buffer: bytes) -> None:
    """Refuse a head that has begun and can never become a request of ours."""
    if b"\n" in buffer:
        if _REQUEST_LINE.match(buffer) is None:
            raise Refused("bad_request", "request_line")
    elif len(buffer) > 32 and b" " not in buffer[:32]:
        raise Refused("bad_request", "request_line")
