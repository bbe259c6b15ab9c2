"""Reviewing a conversation: who may, what they see, and the record that they saw it."""

from uuid import uuid4

import asyncpg
import orjson
import pytest
from factories.chat_archive import ANCIENT, FRESH, OLD, PlacesHold, converse
from factories.identity_stand_in import IdentityStandIn
from factories.moderation_desk import Desk
from parlor_kit.pages import encode_cursor

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("role", ["customer", "distributor"])
async def test_participants_have_no_moderation_surface(
    desk: Desk, identity: IdentityStandIn, rows: asyncpg.Connection, role: str
) -> None:
    user = identity.user(role)
    past = await converse(rows, [FRESH], people=(user.id, uuid4()))
    refused = [
        await desk.review(past.id, user),
        await desk.hold(past.id, user=user),
        await desk.release(past.id, user),
        await desk.expire(user),
        await desk.runs("", user),
        await desk.runs(f"/{uuid4()}/manifest", user),
    ]
    assert [(reply.status, reply.code) for reply in refused] == [(403, "forbidden")] * 6
    assert await rows.fetchval("SELECT count(*) FROM audit_records") == 0


async def test_only_admins_expire(desk: Desk) -> None:
    refused = [await desk.expire(desk.moderator), await desk.runs("", desk.moderator)]
    assert [reply.status for reply in refused] == [403, 403]


async def test_nobody_without_a_token_gets_in(desk: Desk) -> None:
    for method, path in (
        ("GET", f"/api/v1/admin/moderation/conversations/{uuid4()}?reason=because"),
        ("POST", f"/api/v1/admin/moderation/conversations/{uuid4()}/legal-hold"),
        ("DELETE", f"/api/v1/admin/moderation/conversations/{uuid4()}/legal-hold"),
        ("POST", "/api/v1/admin/archive-expiry/run"),
        ("GET", "/api/v1/admin/archive-expiry/runs"),
    ):
        reply = await desk.served.public.call(method, path)
        assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_everything_retained_is_shown_page_by_page(
    desk: Desk, rows: asyncpg.Connection, hold: PlacesHold
) -> None:
    past = await converse(rows, [ANCIENT] * 2 + [OLD] * 2 + [FRESH] * 3)
    await rows.execute("UPDATE messages SET archived_at = now() WHERE seq <= 4")
    await hold(past.id)
    first = await desk.review(past.id, limit="3")
    assert first.status == 200
    second = await desk.review(past.id, limit="3", cursor=first.body["next_cursor"])
    third = await desk.review(past.id, limit="3", cursor=second.body["next_cursor"])
    assert third.body["next_cursor"] is None
    shown = [m for page in (first, second, third) for m in page.body["messages"]]
    assert [m["seq"] for m in shown] == [1, 2, 3, 4, 5, 6, 7]
    assert [m["body"] for m in shown] == list(past.texts)
    assert [m["state"] for m in shown] == ["archived"] * 4 + ["active"] * 3
    assert [m["archived_at"] is not None for m in shown] == [True] * 4 + [False] * 3
    received = next(m for m in shown if m["sender_id"] == str(past.people[1]))
    assert received["delivered_to"][0]["user_id"] == str(past.people[0])
    assert received["read_by"][0]["user_id"] == str(past.people[0])
    conversation = first.body["conversation"]
    assert conversation["id"] == str(past.id)
    assert [p["user_id"] for p in conversation["participants"]] == [str(p) for p in past.people]
    assert [each["matter"] for each in first.body["holds"]] == ["M-1"]


async def test_every_view_leaves_a_record_of_what_was_seen(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH] * 5)
    reply = await desk.served.public.call(
        "GET",
        f"/api/v1/admin/moderation/conversations/{past.id}",
        headers=desk.moderator.authorization | {"x-request-id": "review-1"},
        params={"reason": "  report 17 ", "limit": "3"},
    )
    assert reply.status == 200
    (record,) = await rows.fetch("SELECT * FROM audit_records")
    assert record["action"] == "conversation.reviewed"
    assert (record["actor"], record["role"]) == (str(desk.moderator.id), "moderator")
    assert (record["conversation_id"], record["reason"]) == (past.id, "report 17")
    assert record["request_id"] == "review-1"
    assert orjson.loads(record["details"]) == {"messages": 3, "first_seq": 1, "last_seq": 3}


async def test_a_search_for_what_does_not_exist_is_recorded_too(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    unknown = uuid4()
    reply = await desk.review(unknown)
    assert (reply.status, reply.code) == (404, "not_found")
    (record,) = await rows.fetch("SELECT action, conversation_id FROM audit_records")
    assert tuple(record) == ("conversation.review_missed", unknown)


@pytest.mark.parametrize("reason", [None, "", "no", "   a   ", "x" * 501, "nul \0 inside"])
async def test_a_view_without_a_reason_is_refused_and_shows_nothing(
    desk: Desk, rows: asyncpg.Connection, reason: str | None
) -> None:
    past = await converse(rows, [FRESH])
    reply = await desk.served.public.call(
        "GET",
        f"/api/v1/admin/moderation/conversations/{past.id}",
        headers=desk.moderator.authorization,
        params={} if reason is None else {"reason": reason},
    )
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert [error["field"] for error in reply.body["errors"]] == ["reason"]


@pytest.mark.parametrize("cursor", ["nonsense", "WyIxIl0", encode_cursor(2**63)])
async def test_a_made_up_cursor_is_refused(
    desk: Desk, rows: asyncpg.Connection, cursor: str
) -> None:
    past = await converse(rows, [FRESH])
    reply = await desk.review(past.id, cursor=cursor)
    assert (reply.status, reply.code) == (422, "validation_failed")


async def test_there_is_no_view_when_the_record_cannot_be_written(
    desk: Desk, rows: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    await owner.execute("ALTER TABLE audit_records ADD CONSTRAINT shut CHECK (false) NOT VALID")
    try:
        reply = await desk.review(past.id)
    finally:
        await owner.execute("ALTER TABLE audit_records DROP CONSTRAINT shut")
    assert reply.status == 500
    assert past.texts[0] not in str(reply.body)


async def test_the_services_role_cannot_change_what_it_recorded(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT])
    await desk.review(past.id)
    await desk.expire()
    for table in ("audit_records", "archive_expiry_chunks"):
        assert await rows.fetchval(f"SELECT count(*) FROM {table}") > 0
        for statement in (
            f"UPDATE {table} SET id = id",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await rows.execute(statement)
