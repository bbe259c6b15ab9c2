"""Retention policies: who sets them, which one decides, and that holds are above all of them."""

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from factories import chat_archive
from factories.chat_archive import ANCIENT, FRESH, OLD, Past, converse, retained
from factories.identity_stand_in import User
from factories.moderation_desk import Desk
from factories.running_api import Reply
from parlor_chat.retention_errors import EarlyExpiryForbidden
from parlor_chat.usecases.retention_policies import PolicyOrder, RetentionPolicies
from parlor_kit.database import Database

pytestmark = pytest.mark.integration

LONG = {"archive_after": "P500D", "expire_after": "P2000D"}
USUAL = {"archive_after": "P30D", "expire_after": "P365D"}


async def policies(
    desk: Desk, method: str = "GET", path: str = "", user: User | None = None, **options: Any
) -> Reply:
    return await desk.served.public.call(
        method,
        f"/api/v1/admin/retention-policies{path}",
        headers=(user or desk.admin).authorization,
        **options,
    )


async def set_policy(desk: Desk, periods: dict[str, str], **target: str) -> Reply:
    body = {"reason": "the law says so"} | periods | target
    return await policies(desk, "POST", json=body)


async def rests_on(rows: asyncpg.Connection, past: Past, *distributors: UUID) -> None:
    """What the entitlement of the conversation rests on, as `entitlement.keep_grounds` writes."""
    await rows.execute("DELETE FROM grounds WHERE conversation_id = $1", past.id)
    for distributor in distributors:
        await rows.execute(
            "INSERT INTO grounds (conversation_id, distributor_id) VALUES ($1, $2)",
            past.id,
            distributor,
        )


async def test_a_policy_is_set_listed_replaced_and_taken_away(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    distributor = uuid4()
    first = await set_policy(desk, LONG, distributor_id=str(distributor))
    assert first.status == 201
    assert first.body | {"id": "", "set_at": ""} == {
        "id": "",
        "scope": "distributor",
        "distributor_id": str(distributor),
        "conversation_id": None,
        **LONG,
        "reason": "the law says so",
        "set_by": str(desk.admin.id),
        "set_at": "",
    }
    again = await set_policy(desk, USUAL, distributor_id=str(distributor))
    assert (again.status, again.body["id"]) == (200, first.body["id"])
    everybodys = await set_policy(desk, LONG)
    listed = (await policies(desk, path="?limit=1")).body
    rest = (await policies(desk, path=f"?limit=1&cursor={listed['next_cursor']}")).body
    assert listed["items"] + rest["items"] == [again.body, everybodys.body]
    assert rest["next_cursor"] is None
    path = f"/{first.body['id']}?reason=the+law+changed"
    assert (await policies(desk, "DELETE", path)).body == again.body
    assert (await policies(desk, "DELETE", path)).status == 404
    told = await rows.fetch(
        "SELECT action, reason, details FROM audit_records "
        "WHERE action LIKE 'retention_policy.%ed' OR action = 'retention_policy.set' "
        "ORDER BY position"
    )
    assert [row["action"] for row in told if not row["action"].endswith("listed")] == [
        *["retention_policy.set"] * 3,
        "retention_policy.deleted",
    ]
    assert orjson.loads(told[0]["details"])["expire_after_seconds"] == 2000 * 86_400


async def test_the_narrowest_policy_decides_and_of_several_distributors_the_longest(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    plain, theirs, own, two = [await converse(rows, [ANCIENT, OLD]) for _ in range(4)]
    one, other = uuid4(), uuid4()
    await rests_on(rows, theirs, one)
    await rests_on(rows, own, one)
    await rests_on(rows, two, one, other)
    await set_policy(desk, {"archive_after": "P30D", "expire_after": "P1000D"})
    await set_policy(desk, USUAL, distributor_id=str(one))
    await set_policy(desk, LONG, distributor_id=str(other))
    await set_policy(desk, LONG, conversation_id=str(own.id))
    run = (await desk.expire()).body
    assert run["expired"] == 1
    assert [await retained(rows, past.id) for past in (plain, theirs, own, two)] == [2, 1, 2, 2]
    active = await rows.fetch(
        "SELECT conversation_id FROM messages WHERE archived_at IS NULL GROUP BY conversation_id"
    )
    assert {row["conversation_id"] for row in active} == {own.id, two.id}


async def test_a_distributors_policy_outlives_the_relationship(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past, distributor = await converse(rows, [ANCIENT]), uuid4()
    await rests_on(rows, past, distributor)
    await rests_on(rows, past)
    await set_policy(desk, LONG, distributor_id=str(distributor))
    assert (await desk.expire()).body["expired"] == 0


async def test_a_hold_is_above_every_policy(desk: Desk, rows: asyncpg.Connection) -> None:
    held, free = [await converse(rows, [FRESH] * 2) for _ in range(2)]
    await desk.hold(held.id)
    for past in (held, free):
        early = {"archive_after": "PT1H", "expire_after": "PT2H"}
        assert (await set_policy(desk, early, conversation_id=str(past.id))).status == 201
    run = (await desk.expire()).body
    assert (run["expired"], run["held"]) == (2, 2)
    assert [await retained(rows, past.id) for past in (held, free)] == [2, 0]


async def test_the_periods_of_an_order_never_shorten_a_policy(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT])
    await set_policy(desk, LONG, conversation_id=str(past.id))
    early: dict[str, Any] = {"archive_after": "PT0S", "expire_after": "PT0S"}
    run = await desk.expire(conversation_ids=[str(past.id)], **early)
    assert (run.status, run.body["expired"]) == (200, 0)


async def test_a_policy_shorter_than_the_settings_is_refused_where_they_are_the_floor(
    desk: Desk, database: Database
) -> None:
    strict = RetentionPolicies(database, chat_archive.PERIODS)
    order = PolicyOrder(OLD, ANCIENT - OLD, "too early")
    async with database.transaction() as transaction:
        with pytest.raises(EarlyExpiryForbidden):
            await strict.set(transaction, chat_archive.ADMIN, order)


async def test_what_is_no_policy_is_refused(desk: Desk, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [FRESH])
    for wrong in (
        {"archive_after": "P2D", "expire_after": "P1D"},
        {"archive_after": "PT0S", "expire_after": "P1D"},
        LONG | {"distributor_id": str(uuid4()), "conversation_id": str(past.id)},
        LONG | {"reason": ""},
    ):
        reply = await set_policy(desk, wrong)
        assert (reply.status, reply.code) == (422, "validation_failed"), wrong
    assert (await set_policy(desk, LONG, conversation_id=str(uuid4()))).status == 404


async def test_only_admins_may_touch_policies(desk: Desk) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{uuid4()}?reason=because")):
        body = {"json": LONG | {"reason": "because"}} if method == "POST" else {}
        reply = await policies(desk, method, path, desk.moderator, **body)
        assert (reply.status, reply.code) == (403, "forbidden")
