"""What reaches the app of an allowed request, and what reaches the caller of its answer."""

from __future__ import annotations

import asyncio

import pytest
from factories.polling import until
from factories.recording_app import BIG
from factories.sidecars import RunningSidecar

IDENTITY = "system:serviceaccount:parlor:chat"


async def test_the_app_learns_who_calls_and_not_with_what(sidecar: RunningSidecar) -> None:
    token = sidecar.token()
    answer = await sidecar.ask(sidecar.request("/internal/v1/users/7?a=b%20c&d", token=token))
    assert (answer.status, answer.body) == (200, b'{"ok":true}')
    (reached,) = sidecar.app.reached
    assert (reached.method, reached.target) == ("GET", "/internal/v1/users/7?a=b%20c&d")
    assert reached.header("X-Service-Identity") == [IDENTITY]
    assert reached.header("Host") == ["identity.internal"]
    assert reached.header("Authorization") == []
    assert token not in str(reached.headers)


PASSED = [
    ("User-Authorization", "Bearer user.token.here"),
    ("X-Request-ID", "req-1.2_3:4"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", "a=b"),
    ("Idempotency-Key", "key-1"),
    ("If-Match", '"3"'),
    ("If-None-Match", "*"),
    ("Accept", "application/json"),
    ("Accept-Language", "de"),
    ("Content-Type", "application/json"),
    ("User-Agent", "parlor/1"),
    ("Priority", "u=1"),
]


@pytest.mark.parametrize(("name", "value"), PASSED, ids=[name for name, _ in PASSED])
async def test_a_header_the_app_needs_passes(
    sidecar: RunningSidecar, name: str, value: str
) -> None:
    await sidecar.ask(sidecar.request("/internal/v1/users/7", "GET", f"{name}:  {value} \t"))
    assert sidecar.app.reached[0].header(name) == [value]


STRIPPED = [
    "X-Service-Identity: system:serviceaccount:parlor:operator",
    "x-service-identity: system:serviceaccount:parlor:operator",
    "x-SERVICE-identity: system:serviceaccount:parlor:operator",
    "X-Service-Anything: 1",
    "X-Internal-Caller: operator",
    "x-auth-user: admin",
    "X-Auth-Request-User: admin",
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-User: admin",
    "X-FORWARDED-Proto: https",
    "Forwarded: for=10.0.0.1",
    "X-Real-IP: 10.0.0.1",
    "X-Remote-User: admin",
    "Remote-User: admin",
    "X-User-Id: 7",
    "X-Client-Cert: x",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X-HTTP-Method-Override: DELETE",
    "X-Method-Override: DELETE",
    "Cookie: session=1",
    "Proxy: http://evil.test",
    "Via: 1.1 evil",
    "Keep-Alive: timeout=100",
    "TE: trailers",
    "Trailer: X-Service-Identity",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic YTpi",
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "Upgrade: h2c",
]


@pytest.mark.parametrize("line", STRIPPED)
async def test_a_header_that_speaks_of_identity_or_of_the_hop_is_stripped(
    sidecar: RunningSidecar, line: str
) -> None:
    answer = await sidecar.ask(sidecar.request("/internal/v1/users/7", "GET", line))
    assert answer.status == 200
    (reached,) = sidecar.app.reached
    name, _, value = line.partition(": ")
    expected = [IDENTITY] if name.lower() == "x-service-identity" else []
    assert reached.header(name) == expected
    assert value not in [own for _, own in reached.headers]


async def test_a_header_that_connection_names_is_stripped_but_never_the_identity(
    sidecar: RunningSidecar,
) -> None:
    await sidecar.ask(
        sidecar.request(
            "/internal/v1/users/7",
            "GET",
            "X-Hop: 1",
            "X-Kept: 2",
            "Connection: keep-alive, X-Hop, X-Service-Identity",
        )
    )
    (reached,) = sidecar.app.reached
    assert reached.header("X-Hop") == []
    assert reached.header("X-Kept") == ["2"]
    assert reached.header("X-Service-Identity") == [IDENTITY]
    assert reached.header("Connection") == []


@pytest.mark.parametrize("bad", ["", "a b", 'x"y', "x" * 129, "é"])
async def test_a_request_id_that_cannot_be_repeated_is_replaced(
    sidecar: RunningSidecar, bad: str
) -> None:
    data = sidecar.request("/internal/v1/users/7", "GET", f"X-Request-ID: {bad}")
    answer = await sidecar.ask(data)
    if not bad.isascii():
        assert answer.status == 400
        return
    (made,) = sidecar.app.reached[0].header("X-Request-ID")
    assert len(made) == 32
    await until(lambda: len(sidecar.decisions()) == 1)
    assert sidecar.decisions()[0]["request_id"] == made


async def test_a_refusal_repeats_the_request_id(sidecar: RunningSidecar) -> None:
    answer = await sidecar.ask(sidecar.request("/internal/v1/none", "GET", "X-Request-ID: r1"))
    assert answer.headers["x-request-id"] == "r1"
    assert b'"request_id":"r1"' in answer.body


async def test_a_decision_is_one_line_that_says_who_what_and_why(sidecar: RunningSidecar) -> None:
    await sidecar.ask(sidecar.request("/internal/v1/users/7", "GET", "X-Request-ID: r2"))
    await until(lambda: len(sidecar.decisions()) == 1)
    line = sidecar.decisions()[0]
    assert line.pop("timestamp")
    assert line == {
        "event": "sidecar.decision",
        "verdict": "allow",
        "code": "allowed",
        "reason": "rule",
        "caller": IDENTITY,
        "caller_pod": "chat-0",
        "jti": "jti-chat",
        "method": "GET",
        "path": "/internal/v1/users/{user_id}",
        "target": None,
        "request_id": "r2",
        "peer": "127.0.0.1",
        "pod": "identity-0",
    }


async def test_a_body_arrives_whole_in_both_framings(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    body = b"x" * 65536
    target = "/internal/v1/users/7"
    client.send(sidecar.request(target, "POST", f"Content-Length: {len(body)}", body=body))
    assert (await client.answer()).status == 200
    chunks = b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    client.send(sidecar.request(target, "POST", "Transfer-Encoding: chunked", body=chunks))
    assert (await client.answer()).status == 200
    client.send(sidecar.request(target, "POST", "Content-Length: 0"))
    assert (await client.answer()).status == 200
    assert [reached.body for reached in sidecar.app.reached] == [body, b"hello world", b""]
    assert sidecar.app.reached[1].header("Transfer-Encoding") == ["chunked"]


async def test_a_body_in_many_pieces_arrives_whole(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    target = "/internal/v1/users/7"
    client.send(sidecar.request(target, "POST", "Transfer-Encoding: chunked"))
    for number in range(50):
        client.send(b"2\r\n%02d\r\n" % number)
        await client.writer.drain()
    client.send(b"0\r\n\r\n")
    assert (await client.answer()).status == 200
    assert sidecar.app.reached[0].body == b"".join(b"%02d" % n for n in range(50))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
async def test_a_request_in_small_pieces_is_the_same_request(
    sidecar: RunningSidecar, size: int
) -> None:
    client = await sidecar.connect()
    data = sidecar.request("/internal/v1/users/7", "POST", "Content-Length: 2", body=b"hi")
    for _ in range(2):
        for start in range(0, len(data), size):
            client.send(data[start : start + size])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer()).status == 200
    assert [reached.body for reached in sidecar.app.reached] == [b"hi", b"hi"]


async def test_a_caller_that_waits_for_100_is_told_to_go_on(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    head = ("POST", "Content-Length: 2", "Expect: 100-continue")
    client.send(sidecar.request("/internal/v1/users/7", *head))
    assert (await client.answer()).status == 100
    client.send(b"hi")
    assert (await client.answer()).status == 200
    assert sidecar.app.reached[0].body == b"hi"
    assert sidecar.app.reached[0].header("Expect") == []


async def test_a_caller_that_waits_for_100_is_refused_before_it_sends(
    sidecar: RunningSidecar,
) -> None:
    client = await sidecar.connect()
    head = ("POST", "Content-Length: 2", "Expect: 100-continue")
    client.send(sidecar.request("/internal/v1/nothing", *head))
    assert (await client.answer()).status == 403
    assert await client.ended() == b""


async def test_a_connection_serves_request_after_request(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    for _ in range(3):
        client.send(sidecar.request())
        assert (await client.answer()).status == 200
        client.send(sidecar.request("/internal/v1/none"))
        answer = await client.answer()
        assert (answer.status, answer.closed) == (403, False)
    assert len(sidecar.app.reached) == 3


async def test_a_caller_that_asks_for_it_has_its_connection_closed(
    sidecar: RunningSidecar,
) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/7", "GET", "Connection: close"))
    assert (await client.answer()).closed
    assert await client.ended() == b""


async def test_a_caller_that_ends_its_side_still_gets_the_answer(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/slow"))
    client.writer.write_eof()
    await until(lambda: len(sidecar.app.reached) == 1)
    sidecar.app.release.set()
    assert (await client.answer()).status == 200
    assert await client.ended() == b""


async def test_a_head_has_no_body_and_does_not_upset_the_next(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    for _ in range(2):
        client.send(sidecar.request("/internal/v1/users/7", "HEAD"))
        answer = await client.answer(head_only=True)
        assert (answer.status, answer.headers["content-length"]) == (200, "11")
        client.send(sidecar.request())
        assert (await client.answer()).body == b'{"ok":true}'


@pytest.mark.parametrize(
    ("cue", "body"),
    [("chunked", b"abcdefg"), ("until-close", b"until the end"), ("interim", b'{"ok":true}')],
)
async def test_an_answer_in_any_framing_arrives_whole(
    sidecar: RunningSidecar, cue: str, body: bytes
) -> None:
    client = await sidecar.connect()
    for _ in range(2):
        client.send(sidecar.request(f"/internal/v1/users/{cue}"))
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, body)


async def test_the_hop_headers_of_an_answer_end_here(sidecar: RunningSidecar) -> None:
    answer = await sidecar.ask(sidecar.request("/internal/v1/users/headers"))
    assert answer.headers == {"content-length": "0", "x-kept": "yes"}


async def test_a_large_answer_waits_for_a_slow_reader_and_arrives_whole(
    sidecar: RunningSidecar,
) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/big"))
    await until(lambda: len(sidecar.app.reached) == 1)
    await asyncio.sleep(0.05)
    answer = await client.answer(10)
    assert len(answer.body) == BIG
    client.send(sidecar.request())
    assert (await client.answer()).status == 200


async def test_an_authorised_upgrade_becomes_a_tunnel(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    client.send(
        sidecar.request(
            "/internal/v1/live/tunnel",
            "GET",
            "Connection: keep-alive, Upgrade",
            "Upgrade: WebSocket",
            "Sec-WebSocket-Key: abc",
        )
    )
    answer = await client.answer()
    assert (answer.status, answer.headers["sec-websocket-accept"]) == (101, "abc")
    assert await client.reader.readexactly(6) == b"hello "
    client.send(b"all the bytes\x00\xff")
    assert await client.reader.readexactly(15) == b"ALL THE BYTES\x00\xff"
    (reached,) = sidecar.app.reached
    assert reached.header("Connection") == ["Upgrade"]
    assert reached.header("Sec-WebSocket-Key") == ["abc"]
    assert reached.header("X-Service-Identity") == [IDENTITY]
    client.close()


async def test_an_upgrade_the_app_declines_is_an_ordinary_answer(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    head = ("GET", "Connection: Upgrade", "Upgrade: websocket")
    client.send(sidecar.request("/internal/v1/live/ok", *head))
    assert (await client.answer()).status == 200
    assert await client.ended() == b""
