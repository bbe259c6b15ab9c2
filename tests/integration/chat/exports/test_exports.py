"""Exports: who may have them, what is in them, and what becomes of them."""

import hashlib
import zipfile
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.chat_archive import ANCIENT, FRESH, OLD, converse
from factories.export_desk import EXPORTS, ExportDesk
from factories.identity_stand_in import IdentityStandIn
from parlor_chat.usecases.exports import DeleteExports
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("role", ["customer", "distributor"])
async def test_participants_have_no_exports(
    desk: ExportDesk, identity: IdentityStandIn, role: str
) -> None:
    user = identity.user(role)
    refused = [
        await desk.ask(user, conversation_id=str(uuid4())),
        await desk.get("", user),
        await desk.get(f"/{uuid4()}", user),
        await desk.get(f"/{uuid4()}/download", user),
    ]
    assert [(reply.status, reply.code) for reply in refused] == [(403, "forbidden")] * 4


async def test_nobody_without_a_token_gets_in(desk: ExportDesk) -> None:
    for method, path in (
        ("POST", EXPORTS),
        ("GET", EXPORTS),
        ("GET", f"{EXPORTS}/{uuid4()}"),
        ("GET", f"{EXPORTS}/{uuid4()}/download"),
    ):
        reply = await desk.served.public.call(method, path)
        assert (reply.status, reply.code) == (401, "unauthenticated")


async def test_a_moderator_exports_conversations_alone_and_sees_their_own_exports(
    desk: ExportDesk, identity: IdentityStandIn, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    bodies: list[dict[str, Any]] = [{"matter": "M-1"}, {"custodian_id": str(past.people[0])}]
    for body in bodies:
        reply = await desk.ask(desk.moderator, **body)
        assert (reply.status, reply.code) == (403, "forbidden")
    mine = await desk.ask(desk.moderator, conversation_id=str(past.id))
    theirs = await desk.ask(conversation_id=str(past.id))
    assert (mine.status, theirs.status) == (201, 201)
    listed = await desk.get("", desk.moderator)
    assert [item["id"] for item in listed.body["items"]] == [mine.body["id"]]
    for path in (f"/{theirs.body['id']}", f"/{theirs.body['id']}/download"):
        assert (await desk.get(path, desk.moderator)).status == 404
        assert (await desk.get(path, identity.user("moderator"))).status == 404
    everything = await desk.get("?limit=1")
    assert [item["id"] for item in everything.body["items"]] == [theirs.body["id"]]
    rest = await desk.get(f"?cursor={everything.body['next_cursor']}")
    assert [item["id"] for item in rest.body["items"]] == [mine.body["id"]]


async def test_an_order_names_one_thing_and_a_reason(desk: ExportDesk) -> None:
    broken: list[dict[str, Any]] = [
        {},
        {"matter": "M", "custodian_id": str(uuid4())},
        {"matter": "M", "reason": ""},
    ]
    for body in broken:
        reply = await desk.ask(**body)
        assert (reply.status, reply.code) == (422, "validation_failed")
    unknown: list[dict[str, Any]] = [
        {"matter": "M-unknown"},
        {"custodian_id": str(uuid4())},
        {"conversation_id": str(uuid4())},
    ]
    for body in unknown:
        reply = await desk.ask(**body)
        assert (reply.status, reply.code) == (404, "nothing_to_export")


async def test_the_same_key_is_the_same_export(desk: ExportDesk, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [FRESH])
    first = await desk.ask(key="k-1", conversation_id=str(past.id))
    again = await desk.ask(key="k-1", conversation_id=str(past.id))
    assert first.body == again.body
    assert await rows.fetchval("SELECT count(*) FROM exports") == 1
    other = await desk.ask(key="k-1", conversation_id=str(past.id), reason="another one")
    assert (other.status, other.code) == (409, "idempotency_key_reused")


async def test_an_export_has_every_message_in_three_forms_and_who_might_have_seen_it(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [OLD, FRESH, FRESH])
    await rows.execute("UPDATE messages SET archived_at = now() WHERE seq = 1")
    asked = await desk.ask(conversation_id=str(past.id))
    waiting = await desk.get(f"/{asked.body['id']}/download")
    assert (waiting.status, waiting.code) == (409, "export_not_ready")
    await desk.builder()()
    opened = await desk.download(asked.body["id"])
    folder = f"conversations/{past.id}"
    assert sorted(opened.archive.namelist()) == sorted(
        [
            "README.txt",
            "index.html",
            "manifest.json",
            "manifest.dsse.json",
            *(f"{folder}/{name}" for name in ("conversation.json", "conversation.html")),
            f"{folder}/messages.jsonl",
            *(f"{folder}/messages/{seq:09}.eml" for seq in (1, 2, 3)),
        ]
    )
    stored = await rows.fetch("SELECT * FROM messages ORDER BY seq")
    receipts = await rows.fetch("SELECT * FROM receipts")
    for line, row in zip(opened.lines(past.id), stored, strict=True):
        own = [each for each in receipts if each["message_id"] == row["id"]]
        assert line["body"] == row["body"]
        assert line["sent_at"] == rfc3339(row["sent_at"])
        assert line["state"] == ("archived" if row["seq"] == 1 else "active")
        assert line["read_by"] == [
            {"user_id": str(each["user_id"]), "at": rfc3339(each["read_at"])} for each in own
        ]
        assert len(line["delivered_to"]) == len(own)
        mail = message_from_bytes(
            opened.archive.read(f"{folder}/messages/{row['seq']:09}.eml"), policy=default
        )
        assert mail.get_payload(decode=True) == row["body"].encode()
    page = opened.archive.read(f"{folder}/conversation.html").decode()
    assert all(text in page for text in past.texts)
    assert opened.json(f"{folder}/conversation.json")["messages"] == 3

    view = (await desk.get(f"/{asked.body['id']}")).body
    assert view["state"] == "ready"
    assert view["progress"] == {
        "conversations_done": 1,
        "conversations_total": 1,
        "messages_done": 3,
        "messages_total": 3,
    }
    assert view["size_bytes"] == len(opened.content)
    assert view["sha256"] == hashlib.sha256(opened.content).hexdigest()
    manifest = opened.archive.read("manifest.json")
    assert view["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()


async def test_people_who_came_later_are_not_said_to_have_been_there(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [OLD, FRESH])
    early, late = past.people
    await rows.execute("UPDATE participants SET joined_at = joined_at - interval '1 year'")
    await rows.execute(
        "UPDATE participants SET joined_at = now() - interval '10 days' WHERE user_id = $1", late
    )
    first, second = (await desk.export(conversation_id=str(past.id))).lines(past.id)
    assert first["participants_at_the_time"] == [str(early)]
    assert second["participants_at_the_time"] == [str(early), str(late)]


async def test_every_version_of_an_edited_message_is_in_it(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    await rows.execute(
        "INSERT INTO message_versions (message_id, version, conversation_id, event_seq, kind, "
        "body, by_user_id, at) SELECT id, v.number, conversation_id, 10 + v.number, v.kind, v.body,"
        " sender_id, now() FROM messages, (VALUES (2, 'edited', 'the second words'), "
        "(3, 'deleted', NULL)) AS v (number, kind, body)"
    )
    opened = await desk.export(conversation_id=str(past.id))
    (line,) = opened.lines(past.id)
    assert (line["body"], line["state"], line["deleted_by"]) == (past.texts[0], "deleted", "sender")
    assert [(each["version"], each["kind"], each["body"]) for each in line["versions"]] == [
        (2, "edited", "the second words"),
        (3, "deleted", None),
    ]
    page = opened.archive.read(f"conversations/{past.id}/conversation.html").decode()
    assert "the second words" in page


async def test_a_matter_and_a_custodian_gather_their_conversations(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    custodian = uuid4()
    theirs = [await converse(rows, [FRESH] * 2, people=(custodian, uuid4())) for _ in range(3)]
    other = await converse(rows, [ANCIENT])
    for past in (theirs[0], other):
        placed = await desk.served.public.call(
            "POST",
            f"/api/v1/admin/moderation/conversations/{past.id}/legal-hold",
            headers=desk.admin.authorization,
            json={"matter": "M-7", "reason": "a court asks"},
        )
        assert placed.status == 201
    by_person = await desk.export(custodian_id=str(custodian))
    assert {str(past.id) for past in theirs} == {
        name.split("/")[1] for name in by_person.archive.namelist() if name.startswith("conv")
    }
    by_matter = await desk.export(matter="M-7")
    assert {str(theirs[0].id), str(other.id)} == {
        name.split("/")[1] for name in by_matter.archive.namelist() if name.startswith("conv")
    }
    (hold,) = by_matter.json(f"conversations/{other.id}/conversation.json")["holds"]
    assert hold["matter"] == "M-7"


async def test_every_step_is_an_audit_record(desk: ExportDesk, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [FRESH])
    await desk.export(conversation_id=str(past.id))
    records = await rows.fetch(
        "SELECT * FROM audit_records WHERE action <> 'evidence_key.introduced' ORDER BY id"
    )
    assert [(record["action"], record["actor"]) for record in records] == [
        ("export.requested", str(desk.admin.id)),
        ("export.started", "chat"),
        ("conversation.exported", "chat"),
        ("export.finished", "chat"),
        ("export.downloaded", str(desk.admin.id)),
    ]
    assert {record["conversation_id"] for record in (records[0], records[2], records[4])} == {
        past.id
    }
    assert records[0]["reason"] == "a court asks"


async def test_an_export_is_deleted_when_its_time_is_over(
    desk: ExportDesk, database: Database, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    asked = await desk.ask(conversation_id=str(past.id))
    await desk.builder()()
    delete = DeleteExports(database)
    await delete()
    await desk.download(asked.body["id"])
    await rows.execute("UPDATE exports SET expires_at = now()")
    await delete()
    reply = await desk.get(f"/{asked.body['id']}/download")
    assert (reply.status, reply.code) == (410, "export_gone")
    assert await rows.fetchval("SELECT count(*) FROM export_chunks") == 0
    view = (await desk.get(f"/{asked.body['id']}")).body
    assert (view["state"], len(view["sha256"])) == ("deleted", 64)
    last = await rows.fetchval(
        "SELECT action FROM audit_records WHERE action <> 'export.viewed' ORDER BY id DESC LIMIT 1"
    )
    assert last == "export.deleted"


async def test_an_export_whose_time_is_over_is_not_handed_out_though_nobody_has_deleted_it(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    asked = await desk.ask(conversation_id=str(past.id))
    await desk.builder()()
    await rows.execute("UPDATE exports SET expires_at = now()")
    reply = await desk.get(f"/{asked.body['id']}/download")
    assert (reply.status, reply.code) == (410, "export_gone")
    downloads = "SELECT count(*) FROM audit_records WHERE action = 'export.downloaded'"
    assert await rows.fetchval(downloads) == 0


async def test_a_conversation_that_is_gone_by_then_is_said_to_be(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    user = uuid4()
    gone, stays = [await converse(rows, [FRESH], people=(user, uuid4())) for _ in range(2)]
    asked = await desk.ask(custodian_id=str(user))
    await rows.execute("DELETE FROM conversations WHERE id = $1", gone.id)
    await desk.builder()()
    opened = await desk.download(asked.body["id"])
    assert opened.lines(stays.id)
    assert f"{gone.id}</code>: no longer there" in opened.archive.read("index.html").decode()


async def test_long_conversations_are_read_back_from_their_own_chunks(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH] * 95)
    asked = await desk.ask(conversation_id=str(past.id))
    await desk.builder(page=10, chunk_bytes=2000)()
    opened = await desk.download(asked.body["id"])
    lines = opened.lines(past.id)
    assert [line["seq"] for line in lines] == list(range(1, 96))
    names = set(opened.archive.namelist())
    assert {f"conversations/{past.id}/messages/{seq:09}.eml" for seq in range(1, 96)} <= names
    page = opened.archive.read(f"conversations/{past.id}/conversation.html").decode()
    assert [page.index(text) for text in past.texts] == sorted(map(page.index, past.texts))
    assert isinstance(opened.archive, zipfile.ZipFile)
