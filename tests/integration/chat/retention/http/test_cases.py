"""Reports and cases: who may, one case a message, decisions from what was read, and effects."""

import asyncio
from uuid import uuid4

import asyncpg
import orjson
import pytest
from factories.case_desk import CaseDesk, message_of
from factories.chat_archive import ANCIENT, FRESH, converse, retained
from factories.identity_stand_in import IdentityStandIn
from factories.locks import waits_at_the_gate
from factories.moderation_desk import Desk
from factories.polling import until_true
from parlor_chat.case_models import Category
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.count_cases import CountCases
from parlor_chat.usecases.report_message import report_message
from parlor_kit.database import Database, Transaction
from parlor_kit.metrics import REGISTRY

pytestmark = pytest.mark.integration


@pytest.fixture
async def cases(desk: Desk, identity: IdentityStandIn, rows: asyncpg.Connection) -> CaseDesk:
    sender, reporter = identity.user("customer"), identity.user("customer")
    past = await converse(rows, [FRESH], people=(reporter.id, sender.id))
    return CaseDesk(
        desk.served,
        identity,
        desk.admin,
        desk.moderator,
        sender,
        reporter,
        past.id,
        await message_of(rows, past.id),
    )


async def actions(rows: asyncpg.Connection) -> list[str]:
    found = await rows.fetch("SELECT action FROM audit_records ORDER BY id")
    return [row["action"] for row in found]


async def told(rows: asyncpg.Connection) -> list[str]:
    found = await rows.fetch("SELECT type FROM outbox WHERE topic = 'chat.cases' ORDER BY id")
    return [row["type"] for row in found]


@pytest.mark.parametrize("role", ["customer", "distributor"])
async def test_participants_have_no_surface_for_cases(cases: CaseDesk, role: str) -> None:
    user, case_id = cases.identity.user(role), await cases.opened()
    refused = [
        await cases.queue(user),
        await cases.dossier(case_id, user),
        await cases.assign(case_id, user, user=user),
        await cases.note(case_id, user=user),
        await cases.close(case_id, "retained", user=user),
        await cases.search("secret", user),
    ]
    assert [(reply.status, reply.code) for reply in refused] == [(403, "forbidden")] * 6


async def test_nobody_without_a_token_gets_in(cases: CaseDesk) -> None:
    for method, path in (
        ("POST", f"/messages/{cases.message_id}/report"),
        ("GET", "/notices"),
        ("POST", f"/notices/{uuid4()}/read"),
        ("GET", "/admin/cases"),
        ("GET", f"/admin/cases/{uuid4()}"),
        ("POST", f"/admin/cases/{uuid4()}/assign"),
        ("POST", f"/admin/cases/{uuid4()}/notes"),
        ("POST", f"/admin/cases/{uuid4()}/close"),
        ("GET", "/admin/moderation/search"),
    ):
        reply = await cases.call(None, method, path)
        assert (reply.status, reply.code) == (401, "unauthenticated"), path


async def test_only_those_who_got_a_message_report_it(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    stranger = await cases.report(cases.identity.user("customer"))
    assert (stranger.status, stranger.code) == (404, "not_found")
    assert (await cases.report(cases.moderator)).status == 404
    own = await cases.report(cases.sender)
    assert (own.status, own.code) == (409, "not_reportable")
    assert (await cases.report(message_id=uuid4())).status == 404
    await rows.execute("UPDATE messages SET archived_at = now()")
    assert (await cases.report()).status == 404
    assert await rows.fetchval("SELECT count(*) FROM cases") == 0


async def test_a_reporter_counts_once_and_a_message_has_one_case(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    third = cases.identity.user("customer")
    await rows.execute(
        "INSERT INTO participants (conversation_id, user_id, joined_at) VALUES ($1, $2, now())",
        cases.conversation_id,
        third.id,
    )
    replies = await asyncio.gather(
        *(cases.report(user) for user in (cases.reporter, third) for _ in range(5))
    )
    assert sorted(reply.status for reply in replies) == [200] * 8 + [201] * 2
    assert len({reply.body["id"] for reply in replies}) == 2
    keyed = [await cases.report(third, key="k-1") for _ in range(2)]
    assert keyed[0].body == keyed[1].body
    queue = await cases.queue()
    (case,) = queue.body["items"]
    assert (case["state"], case["reports"], case["version"]) == ("open", 2, 1)
    assert case["subject_id"] == str(cases.sender.id)
    assert await told(rows) == ["case.opened"]
    assert await actions(rows) == ["case.opened", "case.listed"]


async def test_the_queue_is_paged_and_narrowed(cases: CaseDesk, rows: asyncpg.Connection) -> None:
    ids = [await cases.opened()]
    for _ in range(4):
        past = await converse(rows, [FRESH], people=(cases.reporter.id, cases.sender.id))
        await cases.report(message_id=await message_of(rows, past.id))
    await cases.assign(ids[0], cases.moderator)
    first = (await cases.queue(limit="3")).body
    second = (await cases.queue(limit="3", cursor=first["next_cursor"])).body
    listed = [case["id"] for page in (first, second) for case in page["items"]]
    assert listed == sorted(listed)
    assert (len(listed), second["next_cursor"]) == (5, None)
    assert len((await cases.queue(state="open")).body["items"]) == 4
    mine = (await cases.queue(assignee_id=str(cases.moderator.id))).body["items"]
    assert [case["id"] for case in mine] == [str(ids[0])]
    assert (await cases.queue(state="decided")).status == 422


async def test_a_case_shows_its_evidence_and_each_view_is_recorded(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    case_id = await cases.opened()
    await rows.execute("UPDATE messages SET sent_at = now()")
    (sent,) = await cases.messages(cases.reporter)
    path = f"/messages/{cases.message_id}"
    await cases.call(cases.sender, "PATCH", path, json={"body": "something harmless"})
    await cases.call(cases.sender, "DELETE", path)
    await cases.note(case_id)
    shown = (await cases.dossier(case_id)).body
    assert shown["case"]["id"] == str(case_id)
    assert [(r["reporter_id"], r["category"], r["reason"]) for r in shown["reports"]] == [
        (str(cases.reporter.id), "abuse", "this hurts")
    ]
    assert [(n["author_id"], n["text"]) for n in shown["notes"]] == [
        (str(cases.moderator.id), "looks bad")
    ]
    message = shown["message"]
    assert [(v["version"], v["kind"], v["body"]) for v in message["versions"]] == [
        (1, "sent", sent["body"]),
        (2, "edited", "something harmless"),
        (3, "deleted", None),
    ]
    assert (message["body"], message["deleted_by"]) == ("something harmless", "sender")
    record = await rows.fetchrow("SELECT * FROM audit_records ORDER BY id DESC LIMIT 1")
    assert (record["action"], record["actor"]) == ("case.viewed", str(cases.moderator.id))
    assert (record["conversation_id"], record["user_id"]) == (
        cases.conversation_id,
        cases.sender.id,
    )
    assert orjson.loads(record["details"])["case_id"] == str(case_id)
    assert record["reason"] is None
    assert (await cases.dossier(uuid4())).status == 404


async def test_whoever_looks_into_a_case_may_say_why(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    case_id = await cases.opened()
    assert (await cases.dossier(case_id, reason="a second opinion")).status == 200
    why = "SELECT reason FROM audit_records WHERE action = 'case.viewed'"
    assert await rows.fetchval(why) == "a second opinion"


async def test_moderators_take_cases_and_admins_give_them(cases: CaseDesk) -> None:
    case_id, other = await cases.opened(), cases.identity.user("moderator")
    given = await cases.assign(case_id, other)
    assert (given.status, given.code) == (403, "assignment_forbidden")
    taken = (await cases.assign(case_id, cases.moderator)).body
    assert (taken["state"], taken["version"]) == ("in_review", 2)
    given = await cases.assign(case_id, other, 2, cases.admin)
    assert given.body["assignee_id"] == str(other.id)
    back = (await cases.assign(case_id, None, 3, other)).body
    assert (back["state"], back["assignee_id"], back["version"]) == ("open", None, 4)


async def test_no_case_is_given_to_a_participant_or_to_whoever_may_not_sign_in(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    case_id, left = await cases.opened(), cases.identity.user("moderator")
    await rows.execute("INSERT INTO accounts (id, version, disabled) VALUES ($1, 1, true)", left.id)
    for nobody in (cases.sender, cases.reporter, left):
        given = await cases.assign(case_id, nobody, user=cases.admin)
        assert (given.status, given.code) == (422, "validation_failed")
        assert [error["field"] for error in given.body["errors"]] == ["assignee_id"]
    assert (await cases.assign(case_id, cases.moderator, user=cases.admin)).status == 200


async def test_the_metrics_say_how_many_cases_wait_and_for_how_long(
    cases: CaseDesk, rows: asyncpg.Connection, database: Database
) -> None:
    unclosed, oldest = "parlor_chat_unclosed_cases", "parlor_chat_oldest_unclosed_case_seconds"
    count = CountCases(database)

    async def counted() -> list[float | None]:
        await count()
        states = ("open", "in_review")
        return [REGISTRY.get_sample_value(unclosed, {"state": state}) for state in states]

    assert await counted() == [0, 0]
    assert REGISTRY.get_sample_value(oldest) == 0
    case_id = await cases.opened()
    await rows.execute("UPDATE cases SET opened_at = opened_at - interval '1 day'")
    assert await counted() == [1, 0]
    assert (REGISTRY.get_sample_value(oldest) or 0) >= 86_400
    await cases.assign(case_id, cases.moderator)
    assert await counted() == [0, 1]
    await cases.close(case_id, "retained", 2)
    assert await counted() == [0, 0]


async def test_of_many_who_act_on_what_they_read_one_succeeds(cases: CaseDesk) -> None:
    case_id = await cases.opened()
    people = [cases.identity.user("moderator") for _ in range(6)]
    replies = await asyncio.gather(
        *(cases.assign(case_id, one, user=one) for one in people[:3]),
        *(cases.close(case_id, "retained", user=one) for one in people[3:]),
    )
    assert sorted(reply.status for reply in replies) == [200] + [409] * 5
    (winner,) = [reply.body for reply in replies if reply.status == 200]
    for reply in replies:
        if reply.status == 409:
            assert reply.code == ("case_closed" if winner["state"] == "closed" else "stale_case")
            assert reply.body["case"] == winner


async def test_a_closed_case_takes_nothing_more_and_a_new_report_opens_another(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    case_id = await cases.opened()
    closed = (await cases.close(case_id, "retained")).body
    assert (closed["state"], closed["outcome"], closed["closed_by"]) == (
        "closed",
        "retained",
        str(cases.moderator.id),
    )
    for reply in (
        await cases.close(case_id, "removed", 2),
        await cases.assign(case_id, cases.moderator, 2),
        await cases.note(case_id),
    ):
        assert (reply.status, reply.code) == (409, "case_closed")
    again = (await cases.report()).body
    assert (again["state"], again["outcome"]) == ("closed", "retained")
    third = cases.identity.user("customer")
    await rows.execute(
        "INSERT INTO participants (conversation_id, user_id, joined_at) VALUES ($1, $2, now())",
        cases.conversation_id,
        third.id,
    )
    assert (await cases.report(third)).body["state"] == "open"
    assert len((await cases.queue()).body["items"]) == 2


@pytest.mark.parametrize("outcome", ["removed", "retained", "warned", "suspended"])
async def test_a_decision_has_its_effect_and_tells_whom_it_concerns(
    cases: CaseDesk, rows: asyncpg.Connection, outcome: str
) -> None:
    case_id = await cases.opened()
    reply = await cases.close(case_id, outcome, explanation="be kind")
    assert reply.status == 200
    (message,) = await cases.messages(cases.reporter)
    removed = outcome == "removed"
    assert (message["body"] == "", message["deleted_by"]) == (
        removed,
        "moderator" if removed else None,
    )
    kept = (await cases.dossier(case_id)).body["message"]
    assert kept["body"]
    assert [v["kind"] for v in kept["versions"]] == (["sent", "removed"] if removed else [])
    (notice,) = await cases.notices(cases.reporter)
    assert (notice["kind"], notice["outcome"], notice["explanation"]) == (
        "report_decided",
        outcome,
        None,
    )
    to_sender = await cases.notices(cases.sender)
    assert [(n["kind"], n["outcome"], n["explanation"]) for n in to_sender] == (
        [] if outcome == "retained" else [("message_decided", outcome, "be kind")]
    )
    events = await rows.fetch("SELECT type, data FROM outbox WHERE topic = 'chat.cases'")
    (closed,) = [orjson.loads(e["data"]) for e in events if e["type"] == "case.closed"]
    assert (closed["outcome"], closed["subject_id"]) == (outcome, str(cases.sender.id))
    assert len([e for e in events if e["type"] == "notice.given"]) == 1 + len(to_sender)
    record = await rows.fetchrow("SELECT * FROM audit_records WHERE action = 'case.closed'")
    assert record["reason"] == "the rules say so"
    assert orjson.loads(record["details"])["outcome"] == outcome


async def test_what_its_sender_deleted_already_is_not_removed_a_second_time(
    cases: CaseDesk, rows: asyncpg.Connection
) -> None:
    case_id = await cases.opened()
    await rows.execute("UPDATE messages SET sent_at = now()")
    await cases.call(cases.sender, "DELETE", f"/messages/{cases.message_id}")
    assert (await cases.close(case_id, "removed")).status == 200
    (message,) = await cases.messages(cases.reporter)
    assert message["deleted_by"] == "sender"


async def test_a_notice_is_read_once_and_by_nobody_else(cases: CaseDesk) -> None:
    await cases.close(await cases.opened(), "warned")
    (notice,) = await cases.notices(cases.sender)
    path = f"/notices/{notice['id']}/read"
    assert (await cases.call(cases.reporter, "POST", path)).status == 404
    first = await cases.call(cases.sender, "POST", path)
    assert first.body["read_at"] is not None
    assert (await cases.call(cases.sender, "POST", path)).body == first.body
    assert await cases.notices(cases.sender) == [first.body]


async def test_a_case_keeps_its_conversation_until_it_is_closed_and_then_its_words_go(
    cases: CaseDesk, desk: Desk, rows: asyncpg.Connection
) -> None:
    case_id = await cases.opened()
    await cases.note(case_id, "a note to lose", key="n-1")
    age = "UPDATE messages SET sent_at = sent_at - $1::interval, archived_at = NULL"
    await rows.execute(age, ANCIENT)
    assert (await desk.expire()).body["held"] == 1
    assert await retained(rows, cases.conversation_id) == 1
    await cases.close(case_id, "warned", explanation="an explanation to lose")
    assert (await desk.expire()).body["expired"] == 1
    for table in ("messages", "message_versions", "reports", "case_notes", "notices"):
        assert await rows.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    assert await rows.fetchval("SELECT count(*) FROM idempotency_records") == 0
    shown = (await cases.dossier(case_id)).body
    assert (shown["message"], shown["reports"], shown["notes"]) == (None, [], [])
    assert shown["case"]["outcome"] == "warned"


async def test_what_a_hold_keeps_keeps_every_version(
    cases: CaseDesk, desk: Desk, rows: asyncpg.Connection
) -> None:
    await desk.hold(cases.conversation_id)
    await rows.execute("UPDATE messages SET sent_at = now()")
    sent = await rows.fetchval("SELECT body FROM messages WHERE id = $1", cases.message_id)
    path = f"/messages/{cases.message_id}"
    await cases.call(cases.sender, "PATCH", path, json={"body": "nothing to see"})
    await cases.call(cases.sender, "DELETE", path)
    await cases.close(await cases.opened(), "removed")
    await rows.execute("UPDATE messages SET sent_at = sent_at - $1::interval", ANCIENT)
    assert (await desk.expire()).body["held"] == 1
    (message,) = (await desk.review(cases.conversation_id)).body["messages"]
    assert [version["body"] for version in message["versions"]] == [sent, "nothing to see", None]
    assert await rows.fetchval("SELECT body FROM messages WHERE id = $1", cases.message_id) == sent


async def test_a_report_that_commits_first_wins_against_a_run_that_waits(
    cases: CaseDesk, desk: Desk, rows: asyncpg.Connection, database: Database
) -> None:
    await rows.execute("UPDATE messages SET sent_at = sent_at - $1::interval", ANCIENT)
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            transaction = Transaction(connection)
            await report_message(
                transaction,
                cases.reporter.id,
                Actor(str(cases.reporter.id), "customer"),
                cases.message_id,
                category=Category.THREAT,
                reason="in the last moment",
            )
            running = asyncio.ensure_future(desk.expire())
            await until_true(lambda: waits_at_the_gate(rows))
            await transaction.flush()
    finally:
        await connection.close()
    run = (await running).body
    assert (run["expired"], run["held"]) == (0, 1)


async def test_the_event_of_a_case_names_no_word(cases: CaseDesk, rows: asyncpg.Connection) -> None:
    case_id = await cases.opened()
    text = await rows.fetchval("SELECT body FROM messages WHERE id = $1", cases.message_id)
    await cases.close(case_id, "removed", explanation="words for one")
    for words in (text, "this hurts", "words for one", "the rules say so"):
        found = await rows.fetchval(
            "SELECT count(*) FROM outbox WHERE strpos(outbox::text, $1) > 0", words
        )
        assert found == 0, words
