"""Bytes bent out of right requests: never a handler that was not allowed, never a crash."""

from __future__ import annotations

import asyncio
import re

from factories.sidecars import RunningSidecar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

IDENTITY = "system:serviceaccount:parlor:chat"
ALLOWED = re.compile(
    r"(GET|HEAD|POST) /internal/v1/users/[A-Za-z0-9._~!$&'()*+,=:@%-]+(\?.*)?"
    r"|GET /internal/v1/live/[A-Za-z0-9._~!$&'()*+,=:@%-]+(\?.*)?"
)
SPICE = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b"_",
    b"%2e",
    b"%2F",
    b"/../",
    b"//",
    b"\\",
    b";",
    b"#",
    b"\xff",
    b"HTTP/1.0",
    b"Host: b\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"X-Service-Identity: system:serviceaccount:parlor:operator\r\n",
    b"X_Service_Identity: x\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Connection: X-Service-Identity\r\n",
    b"Expect: 100-continue\r\n",
    b"\r\n X-Service-Identity: x",
    b"PUT /internal/v1/distributors/1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
]

edits = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace", "copy"]),
        st.integers(0, 1 << 16),
        st.integers(0, 40),
        st.one_of(st.sampled_from(SPICE), st.binary(min_size=1, max_size=8)),
    ),
    min_size=0,
    max_size=5,
)
bases = st.sampled_from(["plain", "length", "chunked", "upgrade", "pair"])


def base(sidecar: RunningSidecar, kind: str, token: str) -> bytes:
    target = "/internal/v1/users/7"
    plain = sidecar.request(target, token=token)
    if kind == "length":
        return sidecar.request(target, "POST", "Content-Length: 5", token=token, body=b"hello")
    if kind == "chunked":
        body = b"5\r\nhello\r\n0\r\n\r\n"
        return sidecar.request(target, "POST", "Transfer-Encoding: chunked", token=token, body=body)
    if kind == "upgrade":
        lines = ("Connection: Upgrade", "Upgrade: websocket")
        return sidecar.request("/internal/v1/live/ok", "GET", *lines, token=token)
    return plain + plain if kind == "pair" else plain


def bend(data: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    for what, place, length, piece in changes:
        place %= len(data) + 1
        if what == "insert":
            data = data[:place] + piece + data[place:]
        elif what == "delete":
            data = data[:place] + data[place + length :]
        elif what == "replace":
            data = data[:place] + piece + data[place + len(piece) :]
        else:
            data = data[:place] + data[place : place + length] * 2 + data[place + length :]
    return data


TOKENS: dict[int, str] = {}
TALLY = {"sent": 0, "reached": 0}


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kind=bases, changes=edits, split=st.integers(0, 1 << 16))
async def test_bent_requests_reach_nothing_that_is_not_allowed(
    sidecar: RunningSidecar, kind: str, changes: list[tuple[str, int, int, bytes]], split: int
) -> None:
    token = TOKENS.setdefault(sidecar.port, sidecar.token())
    data = bend(base(sidecar, kind, token), changes)
    reached_before = len(sidecar.app.reached)
    client = await sidecar.connect()
    split %= len(data) + 1
    try:
        client.send(data[:split])
        await asyncio.sleep(0)
        client.send(data[split:])
        client.writer.write_eof()
        answer = await client.ended()
    except OSError:  # the sidecar was quicker to refuse than we to send
        answer = b""
    finally:
        await sidecar.hang_up()
    assert answer == b"" or re.match(rb"HTTP/1\.1 [1-5][0-9][0-9] ", answer)
    TALLY["sent"] += 1
    for reached in sidecar.app.reached[reached_before:]:
        TALLY["reached"] += 1
        assert ALLOWED.fullmatch(f"{reached.method} {reached.target}")
        assert "/../" not in reached.target
        assert reached.header("X-Service-Identity") == [IDENTITY]
        assert not [name for name, _ in reached.headers if "_" in name]
        assert reached.header("Authorization") == []
        assert len(reached.header("Host")) == 1
        assert len(reached.header("Content-Length") + reached.header("Transfer-Encoding")) <= 1
    assert sidecar.process.returncode is None
    assert not [line for line in sidecar.lines if line.get("level") == "error"]


async def test_the_process_is_well_after_all_that(sidecar: RunningSidecar) -> None:
    assert (await sidecar.ask(sidecar.request())).status == 200
    assert 0 < TALLY["reached"] < TALLY["sent"], "some were right and some were not"
    await sidecar.until_health("/metrics", lambda a: b"parlor_sidecar_in_flight 0\n" in a.body)
