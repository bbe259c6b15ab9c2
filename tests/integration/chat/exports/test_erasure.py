"""An erased account's messages: hidden at once, erased unless something keeps them, then later."""

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from factories.account_events import account_event, record
from factories.chat_archive import FRESH, OLD, Past, converse, tables_with
from factories.erasures import again, end_of_grace, hold, learn, release, report, report_reply
from factories.export_desk import ExportDesk
from factories.identity_stand_in import IdentityStandIn
from factories.locks import waits_at_the_gate, waits_for_a_row
from factories.polling import until_true
from parlor_chat.usecases.erase_messages import EraseMessages
from parlor_chat.usecases.expiry_traces import forget_retries_alone
from parlor_chat.usecases.index_messages import IndexMessages
from parlor_kit.clock import now, rfc3339
from parlor_kit.consumer import Inbox, Outcome
from parlor_kit.database import Database

pytestmark = pytest.mark.integration

IDENTITY = "identity.events"


async def seen_by(desk: ExportDesk, identity: IdentityStandIn, user_id: UUID, past: Past) -> Any:
    """The messages as that participant sees them."""
    token = identity.tokens.token("customer", user_id)
    reply = await desk.served.public.call(
        "GET",
        f"/api/v1/conversations/{past.id}/messages",
        headers={"authorization": f"Bearer {token}"},
    )
    assert reply.status == 200, reply.body
    return reply.body["items"]


async def texts_of(rows: asyncpg.Connection, past: Past, account_id: UUID) -> list[str]:
    """What the account wrote in the conversation."""
    found = await rows.fetch(
        "SELECT body FROM messages WHERE conversation_id = $1 AND sender_id = $2 ORDER BY seq",
        past.id,
        account_id,
    )
    return [row["body"] for row in found]


async def test_only_an_admin_reads_the_report(
    desk: ExportDesk, identity: IdentityStandIn, inbox: Inbox
) -> None:
    account_id = uuid4()
    await learn(inbox, account_id)
    for user in (desk.moderator, identity.user("customer"), identity.user("distributor")):
        refused = await report_reply(desk, account_id, user)
        assert (refused.status, refused.code) == (403, "forbidden")
    path = f"/api/v1/admin/erasures/{account_id}"
    assert (await desk.served.public.call("GET", path)).status == 401
    assert (await report_reply(desk, uuid4())).status == 404


async def test_texts_are_nowhere_and_others_see_that_something_was_there(
    desk: ExportDesk,
    identity: IdentityStandIn,
    inbox: Inbox,
    erase: EraseMessages,
    database: Database,
    rows: asyncpg.Connection,
) -> None:
    gone, stays = uuid4(), uuid4()
    past = await converse(rows, [OLD] * 4 + [FRESH] * 9, people=(gone, stays))
    theirs = await texts_of(rows, past, gone)
    others = await texts_of(rows, past, stays)
    await rows.execute(
        "UPDATE conversations SET title = 'my very own title', created_by = $1", gone
    )
    await rows.execute(
        "INSERT INTO message_versions (message_id, version, conversation_id, event_seq, kind, "
        "body, by_user_id, at) SELECT id, 2, conversation_id, 900 + seq, 'edited', "
        "'edited ' || body, sender_id, now() FROM messages WHERE sender_id = $1 AND seq > 6",
        gone,
    )
    await IndexMessages(database)()
    assert await rows.fetchval("SELECT count(*) FROM message_search") == 13
    await learn(inbox, gone)
    await erase()

    needles = [*theirs, "my very own title"]
    words = [text.split()[2] for text in theirs]
    assert await tables_with(rows, needles + words) == {}
    assert len(await tables_with(rows, others)) > 1
    shown = await seen_by(desk, identity, stays, past)
    assert [message["seq"] for message in shown] == list(range(1, 14))
    for message in shown:
        erased = message["sender_id"] == str(gone)
        assert (message["body"] == "") is erased
        assert (message["deleted_at"] is not None) is erased
    told = await report(desk, gone)
    assert (told["state"], told["messages_erased"], told["messages_kept"]) == (
        "erased",
        len(theirs),
        0,
    )
    assert told["kept"] == []
    assert await rows.fetchval("SELECT status FROM conversations") == "closed"


async def test_what_a_hold_keeps_is_hidden_but_there_until_its_grace_is_over(
    desk: ExportDesk,
    identity: IdentityStandIn,
    inbox: Inbox,
    erase: EraseMessages,
    rows: asyncpg.Connection,
) -> None:
    gone, stays = uuid4(), uuid4()
    held = await converse(rows, [FRESH] * 8, people=(gone, stays))
    free = await converse(rows, [FRESH] * 8, people=(gone, uuid4()))
    await hold(desk, held.id, "M-1")
    await hold(desk, held.id, "M-2")
    theirs = await texts_of(rows, held, gone)
    await learn(inbox, gone)
    await erase()

    assert await texts_of(rows, held, gone) == theirs
    assert set(await texts_of(rows, free, gone)) == {""}
    shown = await seen_by(desk, identity, stays, held)
    assert {message["body"] for message in shown if message["sender_id"] == str(gone)} == {""}
    reviewed = await desk.served.public.call(
        "GET",
        f"/api/v1/admin/moderation/conversations/{held.id}",
        headers=desk.moderator.authorization,
        params={"reason": "a court asks"},
    )
    assert set(theirs) <= {message["body"] for message in reviewed.body["messages"]}
    told = await report(desk, gone)
    assert (told["state"], told["messages_kept"]) == ("kept", len(theirs))
    (kept,) = told["kept"]
    assert kept["conversation_id"] == str(held.id)
    assert {(each["kind"], each["matter"]) for each in kept["kept_for"]} == {
        ("legal_hold", "M-1"),
        ("legal_hold", "M-2"),
    }

    await release(desk, held.id, "M-1")
    await release(desk, held.id, "M-2")
    await again(rows, erase)
    told = await report(desk, gone)
    assert {each["kind"] for each in told["kept"][0]["kept_for"]} == {"release_grace"}
    await end_of_grace(rows)
    await again(rows, erase)
    told = await report(desk, gone)
    assert (told["state"], told["messages_kept"]) == ("erased", 0)
    assert await tables_with(rows, theirs) == {}
    actions = await rows.fetch(
        "SELECT action FROM audit_records WHERE user_id = $1 ORDER BY id", gone
    )
    assert [row["action"] for row in actions] == [
        "account.partly_erased",
        *["erasure.viewed"] * 2,
        "account.erased",
        "erasure.viewed",
    ]


async def test_an_open_case_keeps_its_conversation_until_it_is_closed(
    desk: ExportDesk, inbox: Inbox, erase: EraseMessages, rows: asyncpg.Connection
) -> None:
    gone = uuid4()
    past = await converse(rows, [FRESH] * 6, people=(gone, uuid4()))
    await rows.execute(
        "INSERT INTO cases (id, message_id, conversation_id, subject_id, state, version, "
        "opened_at) SELECT gen_random_uuid(), id, conversation_id, sender_id, 'open', 1, now() "
        "FROM messages WHERE sender_id = $1 LIMIT 1",
        gone,
    )
    theirs = await texts_of(rows, past, gone)
    await learn(inbox, gone)
    await erase()
    assert await texts_of(rows, past, gone) == theirs
    (kept,) = (await report(desk, gone))["kept"]
    assert [each["kind"] for each in kept["kept_for"]] == ["case"]
    await rows.execute(
        "UPDATE cases SET state = 'closed', outcome = 'retained', closed_at = now(), "
        "closed_by = gen_random_uuid()"
    )
    await again(rows, erase)
    assert set(await texts_of(rows, past, gone)) == {""}


async def test_news_that_come_late_or_twice_change_nothing(
    desk: ExportDesk, inbox: Inbox, erase: EraseMessages, rows: asyncpg.Connection
) -> None:
    gone = uuid4()
    past = await converse(rows, [FRESH] * 6, people=(gone, uuid4()))
    event = account_event("account.erased", gone, 5)
    assert await inbox.apply(IDENTITY, event) is Outcome.APPLIED
    assert await inbox.apply(IDENTITY, event) is Outcome.DUPLICATE
    await erase()
    first = await report(desk, gone)
    for type_, version in (("account.disabled", 6), ("account.enabled", 4), ("account.erased", 5)):
        await inbox.apply(IDENTITY, account_event(type_, gone, version))
    await again(rows, erase)
    later = await report(desk, gone)
    assert later | {"swept_at": None} == first | {"swept_at": None}
    assert (
        await rows.fetchval("SELECT status FROM conversations WHERE id = $1", past.id) == "closed"
    )
    versions = await rows.fetchval("SELECT max(version) FROM message_versions")
    assert versions == 2


async def test_the_report_has_what_the_other_services_did(
    desk: ExportDesk, inbox: Inbox, rows: asyncpg.Connection
) -> None:
    gone = uuid4()
    told = {
        "customer.events": (
            "relationship.party_erased",
            {
                "relationships_ended": 2,
                "relationships_kept": 3,
                "invites_revoked": 0,
                "invites_emptied": 1,
            },
        ),
        "game.events": ("game.player_erased", {"seats_kept": 7, "invites_kept": 9}),
    }
    for topic, (type_, details) in told.items():
        data = {"account_id": str(gone), "at": rfc3339(now()), **details}
        assert await inbox.apply(topic, record(topic, type_, gone, data)) is Outcome.APPLIED
    await learn(inbox, gone)
    services = (await report(desk, gone))["services"]
    assert {each["service"]: each["details"] for each in services} == {
        "customer": told["customer.events"][1],
        "game": told["game.events"][1],
    }


async def test_exports_of_before_are_said_to_have_copies_until_they_go(
    desk: ExportDesk, inbox: Inbox, erase: EraseMessages, rows: asyncpg.Connection
) -> None:
    gone = uuid4()
    past = await converse(rows, [FRESH] * 3, people=(gone, uuid4()))
    await desk.export(conversation_id=str(past.id))
    await learn(inbox, gone)
    await erase()
    until = (await report(desk, gone))["exports_until"]
    assert until == rfc3339(await rows.fetchval("SELECT expires_at FROM exports"))
    opened = await desk.export(conversation_id=str(past.id))
    assert [line["body"] is None for line in opened.lines(past.id)] == [
        line["sender_id"] == str(gone) for line in opened.lines(past.id)
    ]


async def test_a_sweep_that_is_killed_anywhere_is_taken_up_by_the_next(
    desk: ExportDesk, inbox: Inbox, database: Database, rows: asyncpg.Connection
) -> None:
    gone = uuid4()
    pasts = [await converse(rows, [FRESH] * 12, people=(gone, uuid4())) for _ in range(4)]
    await hold(desk, pasts[0].id, "M-1")
    await learn(inbox, gone)
    erase = EraseMessages(database, batch=2)
    for _ in range(15):
        await rows.execute("UPDATE erasures SET due_at = now()")
        running = asyncio.create_task(erase())
        await asyncio.wait({running}, timeout=random.uniform(0, 0.05))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await again(rows, erase)
    told = await report(desk, gone)
    kept = len(await texts_of(rows, pasts[0], gone))
    assert (told["messages_kept"], told["messages_erased"]) == (kept, 3 * kept)
    for past in pasts[1:]:
        assert set(await texts_of(rows, past, gone)) == {""}
    seqs = await rows.fetch(
        "SELECT c.event_seq, max(v.event_seq) AS last, count(*) AS hidden, c.last_seq "
        "FROM conversations c JOIN message_versions v ON v.conversation_id = c.id GROUP BY c.id"
    )
    assert [row["event_seq"] for row in seqs] == [row["last"] for row in seqs]
    assert {row["hidden"] for row in seqs} == {kept}


@pytest.mark.parametrize("gone_before", [1, 2, 5])
async def test_a_hold_in_the_midst_of_a_sweep_keeps_what_is_there_at_its_commit(
    desk: ExportDesk,
    inbox: Inbox,
    database: Database,
    rows: asyncpg.Connection,
    gone_before: int,
) -> None:
    gone = uuid4()
    past = await converse(rows, [FRESH] * 12, people=(gone, uuid4()))
    theirs = await texts_of(rows, past, gone)
    await learn(inbox, gone)
    writing = await asyncpg.connect(database.url)
    try:
        async with writing.transaction():  # so that the sweep halts inside of that batch
            await writing.execute(
                "SELECT FROM messages WHERE body = $1 FOR UPDATE", theirs[gone_before - 1]
            )
            running = asyncio.create_task(EraseMessages(database, batch=1)())
            await until_true(lambda: waits_for_a_row(rows))
            placing = asyncio.create_task(hold(desk, past.id, "M-1"))
            await until_true(lambda: waits_at_the_gate(rows))
    finally:
        await writing.close()
    await placing
    await running
    await again(rows, EraseMessages(database))
    assert [text for text in await texts_of(rows, past, gone) if text] == theirs[gone_before:]


async def test_a_hold_does_not_wait_for_a_sweep_that_waits_until_a_month_has_expired(
    desk: ExportDesk,
    inbox: Inbox,
    erase: EraseMessages,
    database: Database,
    rows: asyncpg.Connection,
) -> None:
    gone = uuid4()
    past = await converse(rows, [FRESH] * 4, people=(gone, uuid4()))
    theirs = await texts_of(rows, past, gone)
    await learn(inbox, gone)
    expiring = await asyncpg.connect(database.url)
    try:
        async with expiring.transaction():
            await forget_retries_alone(expiring)
            running = asyncio.create_task(erase())
            await until_true(lambda: waits_at_the_gate(rows))
            await hold(desk, past.id, "M-1")
    finally:
        await expiring.close()
    await running
    assert await texts_of(rows, past, gone) == theirs
