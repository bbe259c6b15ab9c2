"""The corpus: what a hostile caller sends over a raw socket, what it gets, and who never sees it.

Each line of a table is bytes on the wire, because an HTTP client would repair them.
"""

from __future__ import annotations

import contextlib
import re

import pytest
from factories.sidecars import RunningSidecar

TARGETS = [
    "/internal/v1/users/%2e%2e",
    "/internal/v1/users/%2E%2E",
    "/internal/v1/users/.%2E",
    "/internal/v1/users/..",
    "/internal/v1/users/.",
    "/internal/v1/users/../admin",
    "/internal/v1/x/../users/7",
    "/internal/v1/./users/7",
    "//internal/v1/users/7",
    "/internal/v1//users/7",
    "/internal/v1/users//7",
    "/internal/v1/users/7/",
    "/internal/v1/users/",
    "/internal/v1/users/a%2fb",
    "/internal/v1/users/a%2Fb",
    "/internal/v1/users/a\\b",
    "/internal/v1/users/a%5Cb",
    "/internal/v1/users/a%5cb",
    "/internal/v1/users/a%00",
    "/internal/v1/users/a%0D%0AX-Evil:%201",
    "/internal/v1/users/%7F",
    "/internal/v1/users/%41",
    "/internal/v1/users/%7e",
    "/internal/v1/users/%7E",
    "/internal/v1/users/%c3%a9",
    "/internal/v1/users/%C3%a9",
    "/internal/v1/users/%C0%AE",
    "/internal/v1/users/%FF",
    "/internal/v1/users/%252e",
    "/internal/v1/users/%",
    "/internal/v1/users/%4",
    "/internal/v1/users/%zz",
    "/internal/v1/users/7;v=1",
    "/internal/v1/users/7%3Bv",
    "/internal/v1/users/7#fragment",
    "/internal/v1/users/{user_id}",
    '/internal/v1/users/"7"',
    "/internal/v1/users/<7>",
    "/internal/v1/users/7?a=%00",
    "/internal/v1/users/7?a=%zz",
    "/internal/v1/users/7?a=[b]",
    "/internal/v1/users/7?a=#b",
    "http://identity.internal/internal/v1/users/7",
    "HTTP://identity.internal/internal/v1/users/7",
    "identity.internal:80",
    "identity.internal/internal/v1/users/7",
    "*",
    "?a=b",
    "/",
    "\\internal\\v1\\users\\7",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_that_could_be_read_in_two_ways_is_400(
    sidecar: RunningSidecar, target: str
) -> None:
    answer = await sidecar.ask(sidecar.request(target))
    assert (answer.status, answer.code) == (400, "bad_request")
    assert answer.closed
    assert sidecar.app.reached == []


def head(*lines: str, first: str = "GET /internal/v1/users/7 HTTP/1.1", host: str = "a") -> str:
    named = [f"Host: {host}"] if host else []
    return "\r\n".join([first, *named, "Authorization: Bearer {token}", *lines]) + "\r\n\r\n"


POST = "POST /internal/v1/users/7 HTTP/1.1"
FORMS: dict[str, tuple[str, int]] = {
    "no host": (head(host=""), 400),
    "empty host": (head("Host:", host=""), 400),
    "two hosts": (head("Host: b"), 400),
    "two equal hosts": (head("host: a"), 400),
    "host with path": (head(host="a/b"), 400),
    "host with user": (head(host="u@a"), 400),
    "host with space": (head(host="a b"), 400),
    "two Authorizations": (head("Authorization: Bearer {token}"), 400),
    "two Authorizations, odd case": (head("aUTHORIZATION: Bearer x"), 400),
    "two user credentials": (head("User-Authorization: a", "User-Authorization: b"), 400),
    "two idempotency keys": (head("Idempotency-Key: a", "Idempotency-Key: b"), 400),
    "two request ids": (head("X-Request-ID: a", "X-Request-ID: b"), 400),
    "two content types": (head("Content-Type: a/b", "Content-Type: c/d"), 400),
    "identity with underscores": (head("X_Service_Identity: x"), 400),
    "identity with one underscore": (head("X-Service_Identity: x"), 400),
    "authorization with underscore": (head("User_Authorization: x"), 400),
    "name with a dot": (head("X.Service.Identity: x"), 400),
    "name with a percent sign": (head("X%2DService: x"), 400),
    "two lengths": (head("Content-Length: 1", "Content-Length: 1", first=POST) + "x", 400),
    "two different lengths": (head("Content-Length: 1", "content-length: 2", first=POST), 400),
    "a list of lengths": (head("Content-Length: 1, 1", first=POST) + "x", 400),
    "negative length": (head("Content-Length: -1", first=POST), 400),
    "signed length": (head("Content-Length: +1", first=POST) + "x", 400),
    "hexadecimal length": (head("Content-Length: 0x1", first=POST) + "x", 400),
    "length with a blank": (head("Content-Length: 1 1", first=POST) + "x", 400),
    "empty length": (head("Content-Length:", first=POST), 400),
    "enormous length": (head("Content-Length: 99999999999999999999", first=POST), 400),
    "length and chunked": (
        head("Content-Length: 5", "Transfer-Encoding: chunked", first=POST) + "0\r\n\r\n",
        400,
    ),
    "chunked and length": (
        head("Transfer-Encoding: chunked", "Content-Length: 5", first=POST) + "0\r\n\r\n",
        400,
    ),
    "gzip, chunked": (head("Transfer-Encoding: gzip, chunked", first=POST) + "0\r\n\r\n", 400),
    "chunked, gzip": (head("Transfer-Encoding: chunked, gzip", first=POST) + "0\r\n\r\n", 400),
    "gzip": (head("Transfer-Encoding: gzip", first=POST), 400),
    "identity": (head("Transfer-Encoding: identity", first=POST), 400),
    "Chunked": (head("Transfer-Encoding: Chunked", first=POST) + "0\r\n\r\n", 400),
    "xchunked": (head("Transfer-Encoding: xchunked", first=POST) + "0\r\n\r\n", 400),
    "chunked with a form feed": (
        head("Transfer-Encoding: \x0cchunked", first=POST) + "0\r\n\r\n",
        400,
    ),
    "chunked twice": (
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", first=POST) + "0\r\n\r\n",
        400,
    ),
    "chunked, odd name": (head("Transfer_Encoding: chunked", first=POST) + "0\r\n\r\n", 400),
    "space before the colon": (head("X-A : b"), 400),
    "space before the length's colon": (head("Content-Length : 1", first=POST) + "x", 400),
    "tab before the colon": (head("X-A\t: b"), 400),
    "space before the name": (head(" X-A: b"), 400),
    "folded line": (head("X-A: b", "\tc"), 400),
    "folded first line": (head(" folded", host=""), 400),
    "no colon": (head("X-A"), 400),
    "empty name": (head(": b"), 400),
    "bare line feed": (head("X-A: b\nX-Service-Identity: c"), 400),
    "bare carriage return": (head("X-A: b\rX-B: c"), 400),
    "NUL in a value": (head("X-A: b\x00c"), 400),
    "control in a value": (head("X-A: b\x01c"), 400),
    "DEL in a value": (head("X-A: b\x7fc"), 400),
    "octet above ASCII": (head("X-A: b\xe9"), 400),
    "only line feeds": (head().replace("\r\n", "\n") + "\r\n\r\n", 400),
    "empty line first": ("\r\n" + head(), 400),
    "two spaces in the request line": (head(first="GET  /internal/v1/users/7 HTTP/1.1"), 400),
    "tab in the request line": (head(first="GET\t/internal/v1/users/7 HTTP/1.1"), 400),
    "space after the version": (head(first="GET /internal/v1/users/7 HTTP/1.1 "), 400),
    "lower-case method": (head(first="get /internal/v1/users/7 HTTP/1.1"), 400),
    "invented method": (head(first="FROB /internal/v1/users/7 HTTP/1.1"), 400),
    "TRACE": (head(first="TRACE /internal/v1/users/7 HTTP/1.1"), 400),
    "CONNECT": (head(first="CONNECT identity.internal:80 HTTP/1.1"), 400),
    "CONNECT with a path": (head(first="CONNECT /internal/v1/users/7 HTTP/1.1"), 400),
    "HTTP/1.0": (head(first="GET /internal/v1/users/7 HTTP/1.0"), 505),
    "HTTP/1.2": (head(first="GET /internal/v1/users/7 HTTP/1.2"), 400),
    "HTTP/2.0": (head(first="GET /internal/v1/users/7 HTTP/2.0"), 505),
    "HTTP/11": (head(first="GET /internal/v1/users/7 HTTP/11"), 400),
    "http/1.1": (head(first="GET /internal/v1/users/7 http/1.1"), 400),
    "HTTP/0.9": ("GET /internal/v1/users/7\r\n", 400),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 40 + "\n", 400),
    "a body nobody announced": (head() + "x", 400),
    "more body than announced": (head("Content-Length: 1", first=POST) + "xy", 400),
    "pipelined": (head() + head(), 400),
    "pipelined after a body": (head("Content-Length: 1", first=POST) + "x" + head(), 400),
    "pipelined after chunks": (
        head("Transfer-Encoding: chunked", first=POST) + "0\r\n\r\n" + head(),
        400,
    ),
    "chunk size not hexadecimal": (
        head("Transfer-Encoding: chunked", first=POST) + "zz\r\nx\r\n0\r\n\r\n",
        400,
    ),
    "chunk size too large": (
        head("Transfer-Encoding: chunked", first=POST) + "ffffffffffffffffff\r\nx",
        400,
    ),
    "chunk size negative": (head("Transfer-Encoding: chunked", first=POST) + "-1\r\nx\r\n", 400),
    "chunk with a bare line feed": (
        head("Transfer-Encoding: chunked", first=POST) + "1\nx\r\n0\r\n\r\n",
        400,
    ),
    "chunk longer than its size": (
        head("Transfer-Encoding: chunked", first=POST) + "1\r\nxy\r\n0\r\n\r\n",
        400,
    ),
    "trailer": (
        head("Transfer-Encoding: chunked", first=POST) + "0\r\nX-Service-Identity: x\r\n\r\n",
        400,
    ),
    "declared body too large": (head("Content-Length: 65537", first=POST), 413),
    "chunked body too large": (
        head("Transfer-Encoding: chunked", first=POST)
        + "20000\r\n"
        + "x" * 131072
        + "\r\n0\r\n\r\n",
        413,
    ),
    "one header too large": (head("X-A: " + "b" * 17_000), 431),
    "request line too large": (head(first=f"GET /{'a' * 17_000} HTTP/1.1"), 431),
    "too many headers": (head(*(f"X-A{n}: b" for n in range(70))), 431),
    "head without an end": ("GET /internal/v1/users/7 HTTP/1.1\r\nX-A: " + "b" * 20_000, 431),
    "unknown expectation": (head("Expect: 200-ok", first=POST), 417),
    "connection hides the host": (head("Connection: Host"), 400),
    "connection hides the user": (head("Connection: close, User-Authorization"), 400),
    "upgrade to HTTP/2": (head("Connection: Upgrade", "Upgrade: h2c"), 400),
    "upgrade with a body": (
        head("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1") + "x",
        400,
    ),
    "upgrade by POST": (
        head("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0", first=POST),
        400,
    ),
    "upgrade where none is allowed": (head("Connection: Upgrade", "Upgrade: websocket"), 403),
    "upgrade with early frames": (
        head(
            "Connection: Upgrade",
            "Upgrade: websocket",
            first="GET /internal/v1/live/tunnel HTTP/1.1",
        )
        + "early",
        400,
    ),
}


@pytest.mark.parametrize(("text", "status"), FORMS.values(), ids=FORMS.keys())
async def test_a_message_that_is_not_in_the_one_form_is_refused_and_reaches_no_handler(
    sidecar: RunningSidecar, text: str, status: int
) -> None:
    client = await sidecar.connect()
    client.send(text.replace("{token}", sidecar.token()).encode("latin-1"))
    answer = await client.answer()
    assert answer.status == status
    assert answer.closed
    assert await client.ended() == b"", "one answer, and the connection ends"
    assert sidecar.app.reached == []


# In pieces these are one right request after another: the first is answered before more arrives.
ONE_AFTER_ANOTHER = ("pipelined", "a body nobody", "more body", "upgrade with early")
IN_PIECES = {
    name: text for name, (text, _) in FORMS.items() if not name.startswith(ONE_AFTER_ANOTHER)
}


@pytest.mark.parametrize("text", IN_PIECES.values(), ids=IN_PIECES.keys())
async def test_the_same_in_pieces_reaches_no_handler_either(
    sidecar: RunningSidecar, text: str
) -> None:
    data = text.replace("{token}", sidecar.token()).encode("latin-1")
    client = await sidecar.connect()
    step = max(1, len(data) // 7)
    for start in range(0, len(data), step):
        client.send(data[start : start + step])
        with contextlib.suppress(ConnectionError):
            await client.writer.drain()
    rest = await client.ended()
    assert re.match(rb"HTTP/1\.1 [45]", rest)
    assert len(re.findall(rb"HTTP/1\.1 [0-9]{3} ", rest)) == 1
    assert sidecar.app.reached == []
