"""The scheduled job's one call: it says what came back, and its exit status is the verdict."""

import json
from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from factories.answering_server import AnsweringServer, answering_server
from parlor_kit.internal_call import call


@pytest.fixture
async def server() -> AsyncIterator[AnsweringServer]:
    async with answering_server() as running:
        yield running


def asked(url: str, credentials: Path) -> Namespace:
    return Namespace(
        callee="chat",
        method="POST",
        path="/internal/v1/archive-expiry/run",
        url=url,
        credentials=credentials,
        body={"dry_run": False},
        timeout=2.0,
    )


async def test_it_calls_with_the_callee_s_credential_and_prints_the_answer(
    server: AnsweringServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chat").write_text("of-the-job")
    server.answers = [(200, {"expired": 3})]
    assert await call(asked(server.url, tmp_path)) == 0
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/internal/v1/archive-expiry/run")
    assert request.headers["authorization"] == "Bearer of-the-job"
    assert request.body == {"dry_run": False}
    assert json.loads(capsys.readouterr().out) == {"status": 200, "answer": {"expired": 3}}


@pytest.mark.parametrize(
    "answer", [(409, {"code": "run_in_progress"}), (403, {"code": "forbidden"}), (503, {})]
)
async def test_a_refusal_and_an_absent_callee_fail_the_job(
    server: AnsweringServer, tmp_path: Path, answer: tuple[int, Any]
) -> None:
    (tmp_path / "chat").write_text("of-the-job")
    server.answers = [answer]
    assert await call(asked(server.url, tmp_path)) == 1


async def test_without_a_credential_nothing_is_sent(
    server: AnsweringServer, tmp_path: Path
) -> None:
    assert await call(asked(server.url, tmp_path)) == 1
    assert server.requests == []
