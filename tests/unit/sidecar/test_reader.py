"""Bytes become a request in one way, however they are cut, or they are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_sidecar.decision import Head, Refused
from parlor_sidecar.reader import RequestReader, check_beginning

HEAD = b"POST /a HTTP/1.1\r\nHost: b\r\nX-Empty:\r\nX-Tab: \tc\t\r\n"
LENGTH = HEAD + b"Content-Length: 5\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def refusal(raw: bytes) -> str:
    with pytest.raises(Refused) as refused:
        RequestReader().head(raw)
    return refused.value.verdict.reason


def test_a_head_is_taken_apart() -> None:
    head = RequestReader().head(b"GET /a?b HTTP/1.1\r\nHost: b\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
    assert head == Head(b"GET", b"/a?b", b"1.1", [(b"Host", b"b"), (b"X-A", b"1"), (b"x-a", b"2")])


@pytest.mark.parametrize(
    "line",
    [
        b"X-A: b\rX-B: c",
        b"X-A: b\nX-B: c",
        b"X-A: b\r\r",
        b"X-A: b\x00c",
        b"X-A: b\x01c",
        b"X-A: b\x0bc",
        b"X-A: b\x7fc",
        b"X-A: b\x80c",
        b"X-A : b",
        b" X-A: b",
        b"X-A: b\r\n c",
        b"X-A: b\r\n\tc",
        b"X-A: b\r\n \r\n",
        b"X-A",
        b": b",
        b"X\x00A: b",
        b"X A: b",
        b"X(A): b",
    ],
)
def test_a_line_that_is_not_one_header_is_refused(line: bytes) -> None:
    assert refusal(b"GET /a HTTP/1.1\r\nHost: b\r\n" + line + b"\r\n\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET /a",
        b"GET /a HTTP/1.1 ",
        b" GET /a HTTP/1.1",
        b"GET  /a HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a\tHTTP/1.1",
        b"get /a HTTP/1.1",
        b"FROB /a HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\xff HTTP/1.1",
        b"GET /a HTTP/3.7",
        b"GET /a ICE/1.0",
        b"GET /a RTSP/1.0",
        b"HTTP/1.1 200 OK",
    ],
)
def test_a_request_line_that_is_not_in_form_is_refused(line: bytes) -> None:
    assert refusal(line + b"\r\nHost: b\r\n\r\n")


def test_a_reader_serves_one_request_after_another() -> None:
    reader = RequestReader()
    for _ in range(3):
        reader.head(LENGTH)
        assert not reader.complete
        assert reader.body(b"hello", 10) == [b"hello"]
        assert reader.complete
        reader.head(b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n")
        assert reader.complete


@given(st.lists(st.integers(1, 12), max_size=12))
def test_a_chunked_body_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    wire = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    reader = RequestReader()
    reader.head(CHUNKED)
    pieces: list[bytes] = []
    for cut in cuts:
        if wire:
            pieces += reader.body(wire[:cut], 100)
            wire = wire[cut:]
    if wire:
        pieces += reader.body(wire, 100)
    assert b"".join(pieces) == b"hello world"
    assert reader.complete


@pytest.mark.parametrize(
    ("head", "body", "reason"),
    [
        (LENGTH, b"hello!", "pipelining"),
        (LENGTH, b"helloGET /b HTTP/1.1\r\n\r\n", "pipelining"),
        (CHUNKED, b"0\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "pipelining"),
        (CHUNKED, b"0\r\nX-Late: 1\r\n\r\n", "trailer"),
        (CHUNKED, b"b\r\nhello world\r\n", "body_too_large"),
        (CHUNKED, b"x\r\n", "syntax"),
        (CHUNKED, b"5\nhello\r\n", "syntax"),
        (CHUNKED, b"1" + b";" + b"e" * 5000, "chunk_overhead"),
    ],
)
def test_a_body_that_is_not_in_form_is_refused(head: bytes, body: bytes, reason: str) -> None:
    reader = RequestReader()
    reader.head(head)
    with pytest.raises(Refused) as refused:
        reader.body(body, 10)
    assert refused.value.verdict.reason in (reason, "syntax")


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET /a", b"GET /a HTTP/1.1\r\nHo", b"GET /" + b"a" * 99]
)
def test_a_head_that_may_still_become_one_is_waited_for(begun: bytes) -> None:
    check_beginning(begun)


@pytest.mark.parametrize("begun", [b"GET /a\r\n", b"\n", b"\x16\x03\x01\n", b"A" * 40])
def test_a_head_that_can_never_become_one_is_not_waited_for(begun: bytes) -> None:
    with pytest.raises(Refused):
        check_beginning(begun)
