"""Holds by matter: on conversations and custodians, searched, counted, released and restored."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.chat_archive import ANCIENT, FRESH, OLD, converse
from factories.moderation_desk import Desk
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

WHY = {"reason": "released by mistake"}


async def place(desk: Desk, matter: str = "M-1", **scope: list[str]) -> dict[str, Any]:
    reply = await desk.holds("POST", json={"matter": matter, "reason": "a court asks", **scope})
    assert reply.status == 201, reply.body
    return dict(reply.body)


async def test_participants_have_no_holds(desk: Desk) -> None:
    customer = desk.identity.user("customer")
    hold_id = new_id()
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{hold_id}"),
        ("DELETE", f"/{hold_id}"),
        ("POST", f"/{hold_id}/restore"),
    ):
        reply = await desk.holds(method, path, customer)
        assert (reply.status, reply.code) == (403, "forbidden"), (method, path)
        bare = await desk.served.public.call(method, f"/api/v1/admin/legal-holds{path}")
        assert bare.status == 401
    assert (await desk.restore(new_id(), str(hold_id), customer)).status == 403


async def test_a_hold_on_custodians_covers_what_they_take_part_in_now_and_later(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    custodian, missing = uuid4(), new_id()
    before = await converse(rows, [ANCIENT] * 2, people=(custodian, uuid4()))
    named = await converse(rows, [OLD])
    hold = await place(
        desk,
        conversation_ids=[str(named.id), str(missing), str(named.id)],
        custodian_ids=[str(custodian)],
    )
    assert (hold["source"], hold["state"], hold["released_at"]) == ("api", "active", None)
    later = await converse(rows, [FRESH], people=(uuid4(), custodian))
    detail = await desk.holds("GET", f"/{hold['id']}")
    assert detail.status == 200
    assert detail.body["hold"] == hold
    assert detail.body["custodian_ids"] == [str(custodian)]
    assert detail.body["conversation_ids"] == sorted([str(named.id), str(missing)])
    assert detail.body["missing_conversation_ids"] == [str(missing)]
    texts = [text for past in (before, named, later) for text in past.texts]
    keeps = detail.body["keeps"]
    assert (keeps["conversations"], keeps["messages"]) == (3, 4)
    assert keeps["bytes"] == sum(len(text.encode()) for text in texts)
    assert keeps["oldest"] < keeps["newest"]
    for past in (before, named, later):
        review = await desk.review(past.id)
        assert [each["id"] for each in review.body["holds"]] == [hold["id"]]
    assert (await desk.expire()).body["held"] == 2


async def test_a_hold_has_to_name_something_and_a_repeated_key_gives_it_again(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    empty = await desk.holds("POST", json={"matter": "M-1", "reason": "a court asks"})
    assert empty.status == 422
    body = {"matter": "M-1", "reason": "a court asks", "custodian_ids": [str(uuid4())]}
    replies = [await desk.holds("POST", json=body, key="once") for _ in range(2)]
    assert replies[0].body == replies[1].body
    assert await rows.fetchval("SELECT count(*) FROM holds") == 1
    events = await rows.fetch("SELECT type, key FROM outbox")
    assert [tuple(event) for event in events] == [("hold.placed", replies[0].body["id"])]


async def test_holds_are_found_by_matter_state_conversation_and_custodian(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    custodian = uuid4()
    past = await converse(rows, [FRESH], people=(custodian, uuid4()))
    one = await place(desk, "Smith v. Jones 2026", conversation_ids=[str(past.id)])
    two = await place(desk, "100%_sure", custodian_ids=[str(custodian)])
    three = await place(desk, "smith estate", custodian_ids=[str(uuid4())])
    await desk.resource("PUT", uuid4(), matter="Smith by resource", conversation_ids=[str(past.id)])
    await desk.holds("DELETE", f"/{three['id']}", params={"reason": "settled"})

    async def found(**query: str) -> list[str]:
        reply = await desk.holds("GET", params=query)
        assert reply.status == 200, reply.body
        return [item["matter"] for item in reply.body["items"]]

    everything = ["Smith by resource", three["matter"], two["matter"], one["matter"]]
    assert await found() == everything
    assert await found(matter="SMITH") == [everything[0], everything[1], everything[3]]
    assert await found(matter="%_") == ["100%_sure"]
    assert await found(state="released") == ["smith estate"]
    assert await found(state="ended") == []
    assert await found(state="active", source="api") == ["100%_sure", one["matter"]]
    assert await found(custodian_id=str(custodian)) == ["100%_sure"]
    covering = [everything[0], everything[2], everything[3]]
    assert await found(conversation_id=str(past.id)) == covering
    first = await desk.holds("GET", params={"limit": "3"})
    rest = await desk.holds("GET", params={"cursor": first.body["next_cursor"]})
    matters = [item["matter"] for item in [*first.body["items"], *rest.body["items"]]]
    assert (matters, rest.body["next_cursor"]) == (everything, None)


async def test_a_released_hold_protects_for_its_grace_and_then_no_more(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    hold = await place(desk, conversation_ids=[str(past.id)])
    released = await desk.holds("DELETE", f"/{hold['id']}", params={"reason": "settled"})
    assert (released.status, released.body["state"]) == (200, "released")
    assert released.body["protects_until"] > released.body["released_at"]
    again = await desk.holds("DELETE", f"/{hold['id']}")
    assert (again.status, again.body) == (200, released.body)
    assert (await desk.expire()).body["held"] == 3
    keeps = (await desk.holds("GET", f"/{hold['id']}")).body["keeps"]
    assert keeps["messages"] == 3
    await rows.execute("UPDATE holds SET protects_until = now()")
    detail = (await desk.holds("GET", f"/{hold['id']}")).body
    assert (detail["hold"]["state"], detail["keeps"]["messages"]) == ("ended", 0)
    late = await desk.holds("POST", f"/{hold['id']}/restore", json=WHY)
    assert (late.status, late.code) == (409, "grace_over")
    assert (await desk.expire()).body["expired"] == 3


async def test_a_restored_hold_stands_as_if_it_had_never_been_released(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT] * 3)
    hold = (await desk.hold(past.id, "M-1")).body
    await desk.release(past.id, matter="M-1", reason="settled")
    elsewhere = await converse(rows, [FRESH])
    wrong = await desk.restore(elsewhere.id, hold["id"])
    assert (wrong.status, wrong.code) == (404, "hold_not_found")
    restored = await desk.restore(past.id, hold["id"])
    assert (restored.status, restored.body) == (200, hold)
    assert (await desk.restore(past.id, hold["id"])).body == hold
    await rows.execute("UPDATE holds SET protects_until = now() WHERE released_at IS NOT NULL")
    assert (await desk.expire()).body["held"] == 3
    records = await rows.fetch(
        "SELECT action, actor, matter, reason FROM audit_records WHERE action LIKE 'hold.%' "
        "ORDER BY position"
    )
    moderator = str(desk.moderator.id)
    assert [tuple(record) for record in records] == [
        ("hold.placed", moderator, "M-1", "a court asks"),
        ("hold.released", moderator, "M-1", "settled"),
        ("hold.restored", moderator, "M-1", "released by mistake"),
    ]
    events = await rows.fetch("SELECT type FROM outbox WHERE type LIKE 'hold.%' ORDER BY id")
    assert [event["type"] for event in events] == ["hold.placed", "hold.released", "hold.restored"]


async def test_ten_who_restore_at_once_restore_it_once(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    hold = await place(desk, custodian_ids=[str(uuid4())])
    await desk.holds("DELETE", f"/{hold['id']}")
    replies = await asyncio.gather(
        *(desk.holds("POST", f"/{hold['id']}/restore", json=WHY) for _ in range(10))
    )
    assert [reply.body["state"] for reply in replies] == ["active"] * 10
    assert await rows.fetchval("SELECT count(*) FROM outbox WHERE type = 'hold.restored'") == 1


async def test_a_hold_on_more_than_one_conversation_is_released_by_its_name_alone(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    one, other = [await converse(rows, [FRESH]) for _ in range(2)]
    wide = await place(desk, "wide", conversation_ids=[str(one.id), str(other.id)])
    people = await place(desk, "people", custodian_ids=[str(one.people[0])])
    await desk.hold(one.id, "narrow")
    refused = await desk.release(one.id)
    assert (refused.status, refused.code) == (409, "hold_covers_more")
    assert refused.body["holds"] == [
        {"id": wide["id"], "matter": "wide"},
        {"id": people["id"], "matter": "people"},
    ]
    assert "/api/v1/admin/legal-holds/" in refused.body["detail"]
    assert await rows.fetchval("SELECT count(*) FROM holds WHERE released_at IS NULL") == 3

    named = await desk.release(one.id, matter="wide")
    assert [item["matter"] for item in named.body["items"]] == ["wide"]
    assert (await desk.holds("DELETE", f"/{people['id']}")).status == 200
    released = await desk.release(one.id)
    assert [item["matter"] for item in released.body["items"]] == ["narrow"]


async def test_what_a_resource_manages_is_neither_released_nor_restored_here(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past, uid = await converse(rows, [FRESH]), uuid4()
    order: dict[str, Any] = {"conversation_ids": [str(past.id)]}
    report = (await desk.resource("PUT", uid, **order)).body
    path = f"/{report['hold_id']}"
    refused = await desk.holds("DELETE", path, desk.admin)
    assert (refused.status, refused.code) == (409, "managed_by_operator")
    released = (await desk.resource("PUT", uid, **order, state="Released")).body
    assert (released["state"], released["held_messages"]) == ("Released", 0)
    assert released["protects_until"] > released["released_at"]
    undone = await desk.holds("POST", f"{path}/restore", desk.admin, json=WHY)
    assert (undone.status, undone.code) == (409, "managed_by_operator")


async def test_the_hold_of_a_deleted_resource_is_an_admins_to_release_and_restore(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past, uid = await converse(rows, [FRESH]), uuid4()
    report = (await desk.resource("PUT", uid, conversation_ids=[str(past.id)])).body
    await desk.resource("DELETE", uid)
    path = f"/{report['hold_id']}"
    refused = await desk.holds("DELETE", path)
    assert (refused.status, refused.code) == (403, "forbidden")
    released = await desk.holds("DELETE", path, desk.admin)
    assert released.body["state"] == "released"
    assert (await desk.holds("POST", f"{path}/restore", json=WHY)).status == 403
    restored = await desk.holds("POST", f"{path}/restore", desk.admin, json=WHY)
    assert (restored.status, restored.body["state"]) == (200, "active")


async def test_a_hold_that_nobody_placed_is_unknown(desk: Desk) -> None:
    path = f"/{new_id()}"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "", {}),
        ("DELETE", "", {}),
        ("POST", "/restore", {"json": WHY}),
    ]
    for method, rest, options in calls:
        reply = await desk.holds(method, path + rest, **options)
        assert (reply.status, reply.code) == (404, "hold_not_found")
