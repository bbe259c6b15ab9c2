"""Whatever an app sends, the caller gets one answer in one reading, or none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_sidecar.pool import Pool
from parlor_sidecar.upstream import Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\nyou\r\n0\r\n\r\n"


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written += data

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class FakeCaller:
    """Waits for an answer as a connection does, and keeps it."""

    def __init__(self) -> None:
        self.out = b""
        self.finished = False
        self.failed = ""
        self.tunnel: bytes | None = None

    def answer_begins(self) -> bytes:
        return b"\r\n"

    def answer_part(self, data: bytes, finished: bool) -> None:
        assert not self.finished
        self.out += data
        self.finished = finished

    def tunnel_opens(self, head: bytes, early: bytes) -> None:
        self.tunnel = early

    def tunnel_part(self, data: bytes) -> None:
        assert self.tunnel is not None
        self.tunnel += data

    def answer_fails(self, reason: str, *, begun: bool) -> None:
        self.failed = reason

    def upstream_is_full(self, full: bool) -> None:
        pass


class Exchange:
    """One question to a fake app."""

    def __init__(self, *, head_only: bool = False, upgrade: bool = False) -> None:
        self.pool = Pool(Path("unused"), idle_seconds=10, connect_seconds=1)
        self.upstream = Upstream(self.pool)
        self.transport = FakeTransport()
        self.upstream.connection_made(self.transport)
        self.caller = FakeCaller()
        self.upstream.ask(self.caller, b"GET / ...", head_only=head_only, upgrade=upgrade)

    def receive(self, data: bytes) -> None:
        if not self.transport.aborted:
            self.upstream.data_received(data)

    def give_back(self, *, sent_whole: bool = True) -> bool:
        self.upstream.give_back(0.0, sent_whole=sent_whole)
        return self.pool.idle == 1


class Reading:
    """What a strict reader makes of an answer."""

    def __init__(self, data: bytes) -> None:
        self.body = b""
        self.answers = 0
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(data)
        self.status = parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.answers += 1


@pytest.mark.parametrize(("wire", "body"), [(OK, b"hi"), (CHUNKED, b"hiyou")])
@given(cuts=st.lists(st.integers(1, 9), max_size=40))
def test_an_answer_is_the_same_however_it_is_cut(wire: bytes, body: bytes, cuts: list[int]) -> None:
    exchange = Exchange()
    for cut in cuts:
        if wire:
            exchange.receive(wire[:cut])
            wire = wire[cut:]
    if wire:
        exchange.receive(wire)
    assert exchange.caller.finished
    reading = Reading(exchange.caller.out)
    assert (reading.answers, reading.body) == (1, body)
    assert exchange.give_back()


@given(
    base=st.sampled_from([OK, CHUNKED, OK + OK, b"HTTP/1.1 100 Continue\r\n\r\n" + OK]),
    edits=st.lists(
        st.tuples(
            st.integers(0, 200),
            st.integers(0, 6),
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from(
                    [
                        b"\r\n",
                        b"\n",
                        b"Content-Length: 9\r\n",
                        b"Transfer-Encoding: chunked\r\n",
                        b"Connection: close\r\n",
                        b"HTTP/1.1 101 Switch\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
                        b"HTTP/1.1 204 No\r\n\r\n",
                    ]
                ),
            ),
        ),
        max_size=4,
    ),
    cut=st.integers(0, 200),
    head_only=st.booleans(),
)
def test_bent_answers_become_one_whole_answer_or_none(
    base: bytes, edits: list[tuple[int, int, bytes]], cut: int, head_only: bool
) -> None:
    wire = base
    for place, length, piece in edits:
        wire = wire[:place] + piece + wire[place + length :]
    exchange = Exchange(head_only=head_only)
    exchange.receive(wire[:cut])
    if wire[cut:] and not exchange.caller.finished:
        exchange.receive(wire[cut:])
    caller = exchange.caller
    assert caller.tunnel is None
    if caller.failed:
        assert exchange.transport.aborted
        assert not caller.finished
    elif caller.finished and not head_only:
        reading = Reading(caller.out)
        assert reading.answers == 1
        assert 200 <= reading.status <= 599
    if caller.finished and exchange.give_back():
        assert not exchange.transport.aborted


@pytest.mark.parametrize(
    ("wire", "kept"),
    [
        (OK, True),
        (CHUNKED, True),
        (OK.replace(b"X-A: b", b"Connection: close"), False),
        (OK.replace(b"1.1", b"1.0"), False),
    ],
)
def test_only_a_connection_that_is_in_step_is_kept(wire: bytes, kept: bool) -> None:
    exchange = Exchange()
    exchange.receive(wire)
    assert exchange.caller.finished
    assert exchange.give_back() is kept


def test_a_connection_whose_request_was_not_sent_whole_is_not_kept() -> None:
    exchange = Exchange()
    exchange.receive(OK)
    assert not exchange.give_back(sent_whole=False)
    assert exchange.transport.aborted


def test_bytes_that_nobody_waits_for_end_the_connection() -> None:
    exchange = Exchange()
    exchange.receive(OK)
    assert exchange.give_back()
    exchange.upstream.data_received(OK)
    assert exchange.transport.aborted
    assert exchange.pool.take() is None


@pytest.mark.parametrize(
    "wire",
    [
        OK + OK,
        OK + b"x",
        OK.replace(b"X-A: b", b"Content-Length: 2"),
        OK.replace(b"X-A: b", b"Transfer-Encoding: chunked"),
        OK.replace(b"Content-Length: 2", b"Transfer-Encoding: gzip"),
        OK.replace(b"X-A: b", b"X_A: b"),
        OK.replace(b"X-A: b", b"X-A : b"),
        OK.replace(b"X-A: b", b"X-A: b\n"),
        OK.replace(b"200 OK", b"099 No"),
        OK.replace(b"200 OK", b"600 No"),
        OK.replace(b"HTTP/1.1", b"HTTP/2.0"),
        OK.replace(b"X-A: b\r\n", b"X-A: b\r\n" * 101),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_an_answer_that_could_be_read_in_two_ways_is_not_passed_on(wire: bytes) -> None:
    exchange = Exchange()
    exchange.receive(wire)
    assert exchange.caller.failed
    assert exchange.caller.out == b""
    assert exchange.transport.aborted


def test_an_answer_until_the_end_is_chunked_and_ends_with_the_connection() -> None:
    exchange = Exchange()
    exchange.receive(b"HTTP/1.1 200 OK\r\n\r\nsome ")
    exchange.receive(b"thing")
    exchange.upstream.connection_lost(None)
    assert Reading(exchange.caller.out).body == b"some thing"
    assert exchange.caller.finished


def test_an_answer_that_breaks_off_is_a_failure() -> None:
    for wire in (b"", b"HTTP/1.1 200", OK[:-1], CHUNKED[:-2]):
        exchange = Exchange()
        if wire:
            exchange.receive(wire)
        exchange.upstream.connection_lost(None)
        assert exchange.caller.failed == "closed"


def test_a_tunnel_opens_only_when_one_was_asked_for() -> None:
    exchange = Exchange(upgrade=True)
    exchange.receive(
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\nearly"
    )
    exchange.receive(b" and late")
    assert exchange.caller.tunnel == b"early and late"
