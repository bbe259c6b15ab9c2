"""An app that fails or is out of step costs one answer, never another caller's."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories.polling import until
from factories.sidecars import RunningSidecar, running_sidecar


@pytest.mark.parametrize(
    "cue",
    ["dies-early", "dies-in-head", "garbage", "twice", "both-lengths", "switches"],
)
async def test_an_answer_that_cannot_be_passed_on_is_502(sidecar: RunningSidecar, cue: str) -> None:
    answer = await sidecar.ask(sidecar.request(f"/internal/v1/users/{cue}"))
    assert (answer.status, answer.code) == (502, "upstream_failed")
    assert (await sidecar.ask(sidecar.request())).body == b'{"ok":true}'


async def test_an_answer_that_breaks_off_breaks_the_connection(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/dies-in-body"))
    rest = await client.ended()
    assert rest.endswith(b"only this")
    assert b"Content-Length: 100" in rest
    await until(lambda: any(line["event"] == "sidecar.failed" for line in sidecar.lines))


async def test_bytes_nobody_asked_for_never_become_an_answer(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path) as sidecar:
        request = sidecar.request("/internal/v1/users/junk-later")
        assert (await sidecar.ask(request)).status == 200
        before = sidecar.app.connections
        sidecar.app.release.set()
        await sidecar.until_health(
            "/metrics", lambda answer: b"parlor_sidecar_upstream_unsolicited 1\n" in answer.body
        )
        answer = await sidecar.ask(sidecar.request("/internal/v1/users/chunked"))
        assert answer.body == b"abcdefg"
        assert sidecar.app.connections == before + 1, "on a new connection"


async def test_an_early_answer_is_passed_on_and_both_connections_end(
    sidecar: RunningSidecar,
) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/early", "POST", "Content-Length: 10"))
    answer = await client.answer()
    assert (answer.status, answer.body, answer.closed) == (422, b"no!", True)
    assert await client.ended() == b""
    sidecar.app.release.set()
    assert (await sidecar.ask(sidecar.request())).status == 200


async def test_a_caller_that_leaves_does_not_leave_its_answer_to_another(
    sidecar: RunningSidecar,
) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/slow"))
    await until(lambda: len(sidecar.app.reached) == 1)
    await sidecar.hang_up()
    sidecar.app.release.set()
    assert (await sidecar.ask(sidecar.request("/internal/v1/users/chunked"))).body == b"abcdefg"


async def test_a_request_pipelined_behind_a_slow_one_is_dropped(sidecar: RunningSidecar) -> None:
    client = await sidecar.connect()
    client.send(sidecar.request("/internal/v1/users/slow"))
    await until(lambda: len(sidecar.app.reached) == 1)
    client.send(sidecar.request("/internal/v1/users/smuggled"))
    await client.writer.drain()
    await sidecar.health("/livez")  # the bytes have been read by now
    sidecar.app.release.set()
    assert (await client.answer()).status == 200
    assert await client.ended() == b""
    assert [reached.target for reached in sidecar.app.reached] == ["/internal/v1/users/slow"]


async def test_an_app_that_is_not_there_is_503_and_found_again(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path, app_up=False) as sidecar:
        answer = await sidecar.ask(sidecar.request())
        assert (answer.status, answer.code) == (503, "upstream_unavailable")
        assert answer.headers["retry-after"] == "1"
        ready = await sidecar.health("/readyz")
        assert (ready.status, ready.body) == (503, b"the app does not answer\n")
        await sidecar.app.start()
        assert (await sidecar.ask(sidecar.request())).status == 200


async def test_an_app_that_restarts_costs_a_safe_request_nothing(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path) as sidecar:
        assert (await sidecar.ask(sidecar.request())).status == 200
        await sidecar.app.stop()
        await sidecar.app.start()
        assert (await sidecar.ask(sidecar.request())).status == 200


async def test_an_app_that_speaks_first_is_not_believed(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path) as sidecar:
        sidecar.app.greeting = b"220 mail.test ESMTP\r\n"
        answer = await sidecar.ask(sidecar.request())
        assert (answer.status, answer.code) == (502, "upstream_failed")
        sidecar.app.greeting = b""
        assert (await sidecar.ask(sidecar.request())).status == 200


async def test_an_answer_whose_head_never_ends_is_502(sidecar: RunningSidecar) -> None:
    answer = await sidecar.ask(sidecar.request("/internal/v1/users/endless"))
    assert (answer.status, answer.code) == (502, "upstream_failed")
