"""Archive expiry through its routes: for admins and for the scheduled job."""

import hashlib
from typing import Any

import asyncpg
import pytest
from factories.chat_archive import ANCIENT, FRESH, OLD, SIGNER, converse, retained
from factories.moderation_desk import Desk
from parlor_chat.usecases.expiry_session import ExpirySession
from parlor_kit.database import Database

pytestmark = pytest.mark.integration


async def test_a_run_answers_with_its_counts_and_can_be_looked_up(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    await converse(rows, [ANCIENT] * 3 + [OLD] * 2 + [FRESH])
    dry = await desk.expire(dry_run=True)
    real = await desk.expire()
    assert (dry.status, real.status) == (200, 200)
    for reply, is_dry in ((dry, True), (real, False)):
        body = reply.body
        assert (body["archived"], body["expired"], body["held"]) == (2, 3, 0)
        assert (body["dry_run"], body["state"]) == (is_dry, "finished")
        assert body["requested_by"] == str(desk.admin.id)
        assert (await desk.runs(f"/{body['run_id']}")).body == body
        manifest = await desk.runs(f"/{body['run_id']}/manifest")
        assert manifest.status == 200
        assert manifest.headers["content-type"] == "application/x-ndjson"
        assert ("dry-run" in manifest.headers["content-disposition"]) is is_dry
        assert hashlib.sha256(manifest.body).hexdigest() == body["manifest_sha256"]
        assert manifest.body.count(b"\n") == 5
    assert dry.body["manifest_sha256"] == real.body["manifest_sha256"]


async def test_runs_are_listed_newest_first(desk: Desk) -> None:
    made = [(await desk.expire(dry_run=True)).body["run_id"] for _ in range(3)]
    first = (await desk.runs("?limit=2")).body
    second = (await desk.runs(f"?limit=2&cursor={first['next_cursor']}")).body
    assert [run["run_id"] for run in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    wrong = await desk.runs("?cursor=bm9uc2Vuc2U")
    assert (wrong.status, wrong.code) == (422, "validation_failed")


async def test_an_unknown_run_is_not_found(desk: Desk) -> None:
    for path in ("/0197a000-0000-7000-8000-00000000dead", "/nonsense"):
        assert (await desk.runs(path)).status == 404
        assert (await desk.runs(f"{path}/manifest")).status == 404


async def test_an_empty_body_means_a_real_run(desk: Desk, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [ANCIENT])
    reply = await desk.served.public.call(
        "POST", "/api/v1/admin/archive-expiry/run", headers=desk.admin.authorization
    )
    assert (reply.status, reply.body["expired"]) == (200, 1)
    assert await retained(rows, past.id) == 0


async def test_the_scheduled_job_runs_under_its_own_name(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    await converse(rows, [ANCIENT])
    reply = await desk.served.internal.call(
        "POST",
        "/internal/v1/archive-expiry/run",
        headers={"x-service-identity": "system:serviceaccount:parlor:archive-expiry"},
        json={},
    )
    assert (reply.status, reply.body["expired"]) == (200, 1)
    assert reply.body["requested_by"] == "archive-expiry"


async def test_a_second_run_at_the_same_time_is_refused(desk: Desk, database: Database) -> None:
    session = await ExpirySession.open(database, SIGNER, batch_messages=10)
    try:
        reply = await desk.expire()
        assert (reply.status, reply.code) == (409, "run_in_progress")
    finally:
        await session.close()


async def test_named_conversations_alone_may_expire_early(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    named, other = [await converse(rows, [FRESH] * 2) for _ in range(2)]
    early: dict[str, Any] = {"archive_after": "PT0S", "expire_after": "PT0S"}
    everywhere = await desk.expire(**early)
    assert (everywhere.status, everywhere.code) == (403, "early_expiry_forbidden")
    reply = await desk.expire(conversation_ids=[str(named.id)], **early)
    assert (reply.status, reply.body["expired"]) == (200, 2)
    assert [await retained(rows, past.id) for past in (named, other)] == [0, 2]


async def test_periods_that_cannot_be_are_refused(desk: Desk) -> None:
    for period in ("P400D", "-P1D", "P999999999D", "1 day", 30):
        reply = await desk.expire(archive_after=period)
        assert (reply.status, reply.code) == (422, "validation_failed")
        assert reply.body["errors"][0]["field"] == "archive_after"


async def test_unknown_words_in_an_order_are_refused(desk: Desk) -> None:
    reply = await desk.expire(dryrun=True, dry_run="yes")
    assert reply.status == 422
    assert {error["field"] for error in reply.body["errors"]} == {"dryrun", "dry_run"}
