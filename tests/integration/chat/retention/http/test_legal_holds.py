"""Holds by moderators and by LegalHold resources: placed, grown, released, orphaned."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from factories.chat_archive import ANCIENT, FRESH, converse
from factories.moderation_desk import Desk
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration


async def test_a_hold_is_placed_once_a_matter(desk: Desk, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [FRESH])
    first = await desk.hold(past.id, "M-1")
    assert first.status == 201
    assert first.body | {"id": "", "placed_at": ""} == {
        "id": "",
        "conversation_id": str(past.id),
        "matter": "M-1",
        "reason": "a court asks",
        "source": "api",
        "state": "active",
        "placed_by": str(desk.moderator.id),
        "placed_at": "",
        "released_at": None,
        "released_by": None,
        "protects_until": None,
        "orphaned_at": None,
    }
    again = await desk.hold(past.id, "M-1", desk.admin)
    assert (again.status, again.body) == (200, first.body)
    second = await desk.hold(past.id, "M-2")
    assert (second.status, second.body["id"] != first.body["id"]) == (201, True)
    events = await rows.fetch("SELECT type, key, data FROM outbox ORDER BY id")
    assert [(event["type"], event["key"]) for event in events] == [
        ("hold.placed", str(past.id))
    ] * 2


async def test_twenty_callers_with_one_matter_make_one_hold(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    replies = await asyncio.gather(*(desk.hold(past.id) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == [200] * 19 + [201]
    assert len({reply.body["id"] for reply in replies}) == 1


async def test_an_idempotency_key_gives_the_first_answer_again(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    first = await desk.hold(past.id, key="k1")
    await desk.release(past.id)
    again = await desk.hold(past.id, key="k1")
    assert (again.status, again.body) == (201, first.body)
    other = await desk.hold(past.id, "M-2", key="k1")
    assert (other.status, other.code) == (409, "idempotency_key_reused")


async def test_a_conversation_that_is_unknown_cannot_be_held(desk: Desk) -> None:
    replies = [await desk.hold(uuid4()), await desk.release(uuid4())]
    assert [(reply.status, reply.code) for reply in replies] == [(404, "not_found")] * 2


async def test_a_release_names_what_it_ended(desk: Desk, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [FRESH])
    for matter in ("M-1", "M-2", "M-3"):
        await desk.hold(past.id, matter)
    one = await desk.release(past.id, matter="M-1")
    assert [item["matter"] for item in one.body["items"]] == ["M-1"]
    assert one.body["items"][0]["released_by"] == str(desk.moderator.id)
    assert one.body["items"][0]["released_at"] is not None
    repeated = await desk.release(past.id, matter="M-1")
    assert (repeated.status, repeated.body["items"]) == (200, [])
    unknown = await desk.release(past.id, matter="M-9")
    assert (unknown.status, unknown.code) == (404, "hold_not_found")
    rest = await desk.release(past.id, desk.admin)
    assert sorted(item["matter"] for item in rest.body["items"]) == ["M-2", "M-3"]
    records = await rows.fetch(
        "SELECT actor, role FROM audit_records WHERE action = 'hold.released' ORDER BY id"
    )
    assert [tuple(record) for record in records] == [
        (str(desk.moderator.id), "moderator"),
        (str(desk.admin.id), "admin"),
        (str(desk.admin.id), "admin"),
    ]
    assert await rows.fetchval("SELECT count(*) FROM outbox WHERE type = 'hold.released'") == 3


async def test_a_resource_holds_what_there_is_and_names_what_is_missing(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    named = await converse(rows, [FRESH] * 2)
    custodian = uuid4()
    theirs = await converse(rows, [FRESH] * 3, people=(custodian, uuid4()))
    uid, missing = uuid4(), new_id()
    body = {"conversation_ids": [str(named.id), str(missing)], "custodian_ids": [str(custodian)]}
    reply = await desk.resource("PUT", uid, **body)
    assert reply.status == 201
    assert reply.body | {"hold_id": "", "placed_at": ""} == {
        "hold_id": "",
        "resource_uid": str(uid),
        "matter": "M-9",
        "state": "Active",
        "held_conversations": 2,
        "held_messages": 5,
        "missing_conversation_ids": [str(missing)],
        "orphaned": False,
        "placed_at": "",
        "released_at": None,
        "released_by": None,
        "protects_until": None,
    }
    again = await desk.resource("PUT", uid, **body)
    assert (again.status, again.body) == (200, reply.body)
    assert (await desk.resource("GET", uid)).body == reply.body
    assert await rows.fetchval("SELECT count(*) FROM audit_records") == 1
    review = await desk.review(theirs.id)
    assert [(each["source"], each["placed_by"]) for each in review.body["holds"]] == [
        ("operator", "operator")
    ]


async def test_simultaneous_calls_for_one_resource_make_one_hold(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past, uid = await converse(rows, [FRESH]), uuid4()
    replies = await asyncio.gather(
        *(desk.resource("PUT", uid, conversation_ids=[str(past.id)]) for _ in range(10))
    )
    assert len({reply.body["hold_id"] for reply in replies}) == 1
    assert sorted(reply.status for reply in replies) == [200] * 9 + [201]
    assert await rows.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_resource_can_only_hold_more_and_then_let_go_of_all(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    one, other = [await converse(rows, [FRESH]) for _ in range(2)]
    uid = uuid4()
    first, both = [str(one.id)], [str(one.id), str(other.id)]
    await desk.resource("PUT", uid, conversation_ids=first)
    changed = await desk.resource("PUT", uid, matter="M-8", conversation_ids=first)
    assert (changed.status, changed.code) == (409, "matter_immutable")
    grown = await desk.resource("PUT", uid, conversation_ids=both)
    assert grown.body["held_conversations"] == 2
    shrunk = await desk.resource("PUT", uid, conversation_ids=first)
    assert (shrunk.status, shrunk.code) == (409, "hold_only_grows")
    released = await desk.resource("PUT", uid, conversation_ids=both, state="Released")
    assert (released.body["state"], released.body["held_conversations"]) == ("Released", 0)
    assert released.body["released_by"] == "operator"
    repeated = await desk.resource("PUT", uid, conversation_ids=both, state="Released")
    assert (repeated.status, repeated.body) == (200, released.body)
    back = await desk.resource("PUT", uid, conversation_ids=both)
    assert (back.status, back.code) == (409, "hold_released")
    actions = await rows.fetch("SELECT action FROM audit_records ORDER BY id")
    assert [row["action"] for row in actions] == ["hold.placed", "hold.extended", "hold.released"]


async def test_a_resource_may_explain_itself_anew_and_both_reasons_are_on_record(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past, uid = await converse(rows, [FRESH]), uuid4()
    named = [str(past.id)]
    await desk.resource("PUT", uid, conversation_ids=named, reason="the first reason")
    await desk.resource("PUT", uid, conversation_ids=named, reason="a better reason")
    review = await desk.review(past.id)
    assert [each["reason"] for each in review.body["holds"]] == ["a better reason"]
    reasons = await rows.fetch("SELECT reason FROM audit_records WHERE action LIKE 'hold.%'")
    assert [row["reason"] for row in reasons] == ["the first reason", "a better reason"]


async def test_the_api_cannot_release_what_a_resource_manages(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT])
    await desk.resource("PUT", uuid4(), conversation_ids=[str(past.id)])
    for query in ({}, {"matter": "M-9"}):
        reply = await desk.release(past.id, desk.admin, **query)
        assert (reply.status, reply.code) == (409, "managed_by_operator")
    # Its own holds are free to go, and free nothing that the resource holds.
    await desk.hold(past.id, "M-1")
    assert len((await desk.release(past.id)).body["items"]) == 1
    assert (await desk.expire()).body["held"] == 1


async def test_the_hold_of_a_deleted_resource_stays_until_an_admin_releases_it(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past, uid = await converse(rows, [ANCIENT]), uuid4()
    await desk.resource("PUT", uid, conversation_ids=[str(past.id)])
    orphaned = await desk.resource("DELETE", uid)
    assert (orphaned.status, orphaned.body["orphaned"]) == (200, True)
    assert (await desk.resource("DELETE", uid)).body == orphaned.body
    late = await desk.resource("PUT", uid, conversation_ids=[str(past.id)])
    assert (late.status, late.code) == (409, "hold_orphaned")
    assert (await desk.expire()).body["held"] == 1

    refused = await desk.release(past.id, desk.moderator, matter="M-9")
    assert (refused.status, refused.code) == (403, "forbidden")
    assert (await desk.release(past.id, desk.admin)).body["items"] == []
    released = await desk.release(past.id, desk.admin, matter="M-9")
    assert [item["source"] for item in released.body["items"]] == ["operator"]
    assert (await desk.expire()).body["held"] == 1  # its grace protects as it did
    await rows.execute("UPDATE holds SET protects_until = now()")
    assert (await desk.expire()).body["expired"] == 1
    details = await rows.fetchval(
        "SELECT details FROM audit_records WHERE action = 'hold.released'"
    )
    assert orjson.loads(details)["orphaned"] is True


async def test_resources_that_never_were_are_unknown(desk: Desk) -> None:
    for method in ("GET", "DELETE"):
        reply = await desk.resource(method, uuid4())
        assert (reply.status, reply.code) == (404, "hold_not_found")


async def test_internal_routes_need_a_service(desk: Desk) -> None:
    uid: UUID = uuid4()
    for method, path in (
        ("PUT", f"/internal/v1/legal-holds/{uid}"),
        ("GET", f"/internal/v1/legal-holds/{uid}"),
        ("DELETE", f"/internal/v1/legal-holds/{uid}"),
        ("POST", "/internal/v1/archive-expiry/run"),
    ):
        bare = await desk.served.internal.call(method, path)
        assert (bare.status, bare.code) == (401, "unauthenticated")
        outside = await desk.served.public.call(method, path, headers=desk.admin.authorization)
        assert outside.status == 404


async def test_a_resource_with_wrong_words_is_told_all_of_them(desk: Desk) -> None:
    reply = await desk.resource(
        "PUT", uuid4(), matter=" ", reason="x", conversation_ids=["nonsense"], state="Paused"
    )
    assert reply.status == 422
    assert [error["field"] for error in reply.body["errors"]] == [
        "matter",
        "reason",
        "conversation_ids.0",
        "state",
    ]
