"""The audit log over HTTP: who may, what is found and recorded, and an export that verifies."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.chat_archive import ANCIENT, FRESH, converse
from factories.moderation_desk import Desk
from factories.running_api import Reply
from parlor_chat.consumers import reactions
from parlor_chat.usecases import audit_trail
from parlor_kit.answers import dumps
from parlor_kit.clock import now, rfc3339
from parlor_kit.consumer import Inbox, Outcome
from parlor_kit.database import Database
from parlor_kit.events import Schemas, envelope
from parlor_kit.ids import new_id
from parlor_verify.audit import verify_audit

pytestmark = pytest.mark.integration

KAFKA = Path(__file__).resolve().parents[5] / "kafka"


async def actions(desk: Desk, **query: str) -> list[str]:
    reply = await desk.audit(**query)
    assert reply.status == 200, reply.body
    return [item["action"] for item in reply.body["items"]]


async def test_the_log_is_for_admins_alone(desk: Desk) -> None:
    for path in ("", "/export"):
        for role in ("customer", "distributor", "moderator"):
            refused = await desk.audit(path, desk.identity.user(role), reason="curious")
            assert (refused.status, refused.code) == (403, "forbidden")
        bare = await desk.served.public.call("GET", f"/api/v1/admin/audit{path}")
        assert bare.status == 401
    assert (await desk.audit("/export")).status == 422  # without a reason


async def test_records_are_found_by_who_what_and_when(desk: Desk, rows: asyncpg.Connection) -> None:
    past, other = [await converse(rows, [FRESH]) for _ in range(2)]
    hold = (await desk.hold(past.id, "M-1")).body
    await desk.hold(other.id, "M-2", desk.admin)
    await desk.review(past.id)
    before = rfc3339(now())
    await desk.release(past.id, desk.admin, matter="M-1", reason="settled")

    moderator, admin = str(desk.moderator.id), str(desk.admin.id)
    placed, released = "hold.placed", "hold.released"
    assert await actions(desk, actor=moderator) == ["conversation.reviewed", placed]
    assert await actions(desk, action="hold") == [released, placed, placed]
    assert await actions(desk, action=placed, actor=admin) == [placed]
    assert await actions(desk, action="hol") == []
    assert await actions(desk, conversation_id=str(past.id)) == [
        released,
        "conversation.reviewed",
        placed,
    ]
    assert await actions(desk, hold_id=hold["id"]) == [released, placed]
    assert await actions(desk, matter="M-2", action="hold") == [placed]
    assert await actions(desk, action="hold", **{"from": before}) == [released]
    assert await actions(desk, action="hold", to=before) == [placed, placed]
    (record,) = (await desk.audit(hold_id=hold["id"], action=released)).body["items"]
    assert (record["actor"], record["role"], record["reason"]) == (admin, "admin", "settled")
    assert (record["matter"], record["hold_id"]) == ("M-1", hold["id"])
    assert record["request_id"]
    assert record["details"]["source"] == "api"


async def test_a_look_is_found_by_whatever_it_was_asked_for(desk: Desk) -> None:
    """Also where the route has another name for whom it is about."""
    conversation_id, user_id = str(uuid4()), str(uuid4())
    cases = desk.served.public.call
    headers = desk.moderator.authorization
    await desk.holds("GET", params={"conversation_id": conversation_id, "state": "active"})
    await desk.holds("GET", params={"custodian_id": user_id})
    await cases("GET", "/api/v1/admin/cases", headers=headers, params={"subject_id": user_id})
    by_both = {"conversation_id": conversation_id, "subject_id": user_id}
    await cases("GET", "/api/v1/admin/cases", headers=headers, params=by_both)

    (of_cases, of_holds) = (await desk.audit(conversation_id=conversation_id)).body["items"]
    assert (of_cases["action"], of_cases["user_id"]) == ("case.listed", user_id)
    assert (of_holds["action"], of_holds["details"]) == ("hold.listed", {"state": "active"})
    looks = ["case.listed", "case.listed", "hold.listed"]
    assert await actions(desk, user_id=user_id) == looks


async def test_each_search_is_recorded_with_what_was_looked_for(desk: Desk) -> None:
    first = await desk.audit(
        actor="operator", matter="M-1", reason="who did this", **{"to": rfc3339(now())}
    )
    assert first.body["items"] == []
    (record,) = (await desk.audit()).body["items"]
    assert record["request_id"] == first.headers["x-request-id"]
    assert (record["action"], record["reason"]) == ("audit.viewed", "who did this")
    assert record["details"]["filter"] == {
        "actor": "operator",
        "matter": "M-1",
        "to": record["details"]["filter"]["to"],
    }


async def test_pages_go_on_where_the_last_one_ended_whatever_is_recorded_meanwhile(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    for number in range(7):
        await desk.hold(past.id, f"M-{number}")
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        reply = await desk.audit(action="hold", limit="3", **cursor)
        found += [item["position"] for item in reply.body["items"]]
        if reply.body["next_cursor"] is None:
            break
        cursor = {"cursor": reply.body["next_cursor"]}
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 7


@pytest.mark.parametrize(
    "query",
    [
        {"action": "Hold"},
        {"action": "hold.%"},
        {"from": "yesterday"},
        {"from": "1700000000"},
        {"from": "2026-01-01T00:00:00"},
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"conversation_id": "nonsense"},
        {"cursor": "nonsense"},
        {"who": "me"},
    ],
)
async def test_a_wrong_filter_is_told(desk: Desk, query: dict[str, str]) -> None:
    assert (await desk.audit(**query)).status == 422


async def test_an_export_verifies_with_the_keys_that_the_service_publishes(
    desk: Desk, rows: asyncpg.Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    past = await converse(rows, [FRESH])
    await desk.hold(past.id)
    await desk.review(past.id)
    exported = await desk.audit("/export", reason="for the court")
    assert (exported.status, exported.headers["content-type"]) == (200, "application/x-ndjson")
    keys = await desk.served.public.call(
        "GET", "/api/v1/admin/evidence-keys", headers=desk.moderator.authorization
    )
    assert [key["alg"] for key in keys.body["keys"]] == ["EdDSA"]
    (tmp_path / "audit.ndjson").write_bytes(exported.body)
    (tmp_path / "keys.json").write_text(json.dumps(keys.body))
    told = [str(tmp_path / "audit.ndjson"), "--keys", str(tmp_path / "keys.json")]
    assert verify_audit(told) == 0, capsys.readouterr().out
    lines = [json.loads(line) for line in exported.body.splitlines()]
    found = [line["record"]["action"] for line in lines if "record" in line]
    assert [action for action in found if action != "evidence_key.introduced"] == [
        "hold.placed",
        "conversation.reviewed",
        "audit.exported",
    ]
    (tmp_path / "audit.ndjson").write_bytes(exported.body.replace(b"a court asks", b"nobody asks"))
    assert verify_audit(told) == 1


async def test_every_look_of_an_admin_or_moderator_leaves_a_record(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [ANCIENT, FRESH])
    hold = (await desk.hold(past.id)).body
    run = (await desk.expire(dry_run=True)).body["run_id"]
    looks: dict[str, Callable[[], Awaitable[Reply]]] = {
        "conversation.reviewed": lambda: desk.review(past.id),
        "hold.listed": lambda: desk.holds("GET", params={"matter": "M-1"}),
        "hold.viewed": lambda: desk.holds("GET", f"/{hold['id']}"),
        "archive_expiry.listed": lambda: desk.runs(),
        "archive_expiry.viewed": lambda: desk.runs(f"/{run}"),
        "archive_expiry.manifest_exported": lambda: desk.runs(f"/{run}/manifest"),
        "audit.viewed": lambda: desk.audit(),
        "audit.exported": lambda: desk.audit("/export", reason="for the court"),
    }
    for action, look in looks.items():
        reply = await look()
        assert reply.status == 200, action
        latest = await rows.fetchrow("SELECT * FROM audit_records ORDER BY position DESC LIMIT 1")
        assert latest["action"] == action
        assert latest["actor"] in {str(desk.moderator.id), str(desk.admin.id)}
        assert latest["request_id"] == reply.headers["x-request-id"]


async def test_what_identity_tells_is_recorded_once_with_its_moment_and_request(
    desk: Desk, database: Database, rows: asyncpg.Connection
) -> None:
    inbox = Inbox(database, Schemas(KAFKA), reactions(None))  # type: ignore[arg-type]
    account_id, at = str(uuid4()), now() - timedelta(minutes=5)
    data: dict[str, Any] = {
        "action": "account.disabled",
        "actor": str(desk.admin.id),
        "role": "admin",
        "account_id": account_id,
        "at": rfc3339(at),
        "details": {"why": "spam"},
    }
    event = envelope(
        event_id=new_id(),
        topic="identity.events",
        key=data["actor"],
        type_="account.administered",
        time=now(),
        data=dumps(data),
        request_id="asked-of-identity",
        traceparent=None,
    )
    outcomes = [await inbox.apply("identity.events", event) for _ in range(2)]
    assert outcomes == [Outcome.APPLIED, Outcome.DUPLICATE]
    (record,) = (await desk.audit(user_id=account_id)).body["items"]
    assert record["at"] == data["at"]
    assert (record["action"], record["actor"]) == ("account.disabled", data["actor"])
    assert (record["request_id"], record["details"]) == ("asked-of-identity", {"why": "spam"})


async def test_a_record_names_whom_it_is_about(desk: Desk, database: Database) -> None:
    user_id = uuid4()
    async with database.transaction() as transaction:
        await audit_trail.record(
            transaction.connection,
            "thing.done",
            audit_trail.Actor("chat", "service"),
            user_id=user_id,
        )
    assert await actions(desk, user_id=str(user_id)) == ["thing.done"]
