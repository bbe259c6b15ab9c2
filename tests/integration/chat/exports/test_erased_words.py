"""What an erased account leaves beside its messages, and what others wrote about them."""

from uuid import UUID

import asyncpg
import pytest
from factories.case_desk import CaseDesk, message_of
from factories.chat_archive import FRESH, converse, tables_with
from factories.erasures import again, end_of_grace, hold, learn, release, report
from factories.export_desk import ExportDesk
from factories.identity_stand_in import IdentityStandIn, User
from parlor_chat.usecases.erase_messages import EraseMessages
from parlor_kit.consumer import Inbox

pytestmark = pytest.mark.integration


@pytest.fixture
async def cases(desk: ExportDesk, identity: IdentityStandIn, rows: asyncpg.Connection) -> CaseDesk:
    """A conversation with a single message: by `sender`, while `reporter` made the conversation."""
    sender, reporter = identity.user("customer"), identity.user("customer")
    past = await converse(rows, [FRESH], people=(reporter.id, sender.id))
    message_id = await message_of(rows, past.id)
    return CaseDesk(
        desk.served, identity, desk.admin, desk.moderator, sender, reporter, past.id, message_id
    )


async def decided(cases: CaseDesk, word: str) -> UUID:
    """A case in which everybody has used the word."""
    assert (await cases.report(reason=f"they said {word}")).status == 201
    case_id = await cases.opened()
    assert (await cases.note(case_id, f"{word} is a bad word", key="k")).status == 201
    assert (await cases.close(case_id, "warned", explanation=f"never say {word}")).status == 200
    return case_id


async def erased(
    desk: ExportDesk, inbox: Inbox, erase: EraseMessages, rows: asyncpg.Connection, user: User
) -> None:
    """The account is erased, and the unrest after it is over."""
    await learn(inbox, user.id)
    await rows.execute("UPDATE erasures SET learned_at = learned_at - interval '2 hours'")
    await erase()


async def test_a_title_and_reasons_that_a_hold_keeps_go_when_it_ends_without_any_message_there(
    desk: ExportDesk,
    cases: CaseDesk,
    inbox: Inbox,
    erase: EraseMessages,
    rows: asyncpg.Connection,
) -> None:
    await rows.execute("UPDATE conversations SET title = 'my own title'")
    assert (await cases.report(reason="my own reason")).status == 201
    assert (await cases.close(await cases.opened(), "warned")).status == 200
    await hold(desk, cases.conversation_id, "M-1")
    await erased(desk, inbox, erase, rows, cases.reporter)

    told = await report(desk, cases.reporter.id)
    assert (told["state"], told["messages_kept"]) == ("kept", 0)
    (kept,) = told["kept"]
    assert (kept["conversation_id"], kept["messages"]) == (str(cases.conversation_id), 0)
    assert [each["matter"] for each in kept["kept_for"]] == ["M-1"]
    soon = "SELECT due_at < now() + interval '1 hour' FROM erasures"
    assert await rows.fetchval(soon)
    words = ["my own title", "my own reason"]
    assert set(await tables_with(rows, words)) == {"conversations", "reports"}
    assert await rows.fetchval("SELECT count(*) FROM notices") == 2

    await release(desk, cases.conversation_id, "M-1")
    await end_of_grace(rows)
    await again(rows, erase)
    assert await tables_with(rows, words) == {}
    notices = await rows.fetch("SELECT user_id FROM notices")
    assert [row["user_id"] for row in notices] == [cases.sender.id]
    told = await report(desk, cases.reporter.id)
    assert (told["state"], told["kept"]) == ("erased", [])
    assert not await rows.fetchval(soon)


async def test_what_was_written_about_an_erased_message_goes_with_its_text(
    desk: ExportDesk,
    cases: CaseDesk,
    inbox: Inbox,
    erase: EraseMessages,
    rows: asyncpg.Connection,
) -> None:
    case_id = await decided(cases, "xyzzy")
    everywhere = {"reports", "case_notes", "notices"}
    await hold(desk, cases.conversation_id, "M-1")
    await erased(desk, inbox, erase, rows, cases.sender)
    assert set(await tables_with(rows, ["xyzzy"])) == everywhere

    await release(desk, cases.conversation_id, "M-1")
    await end_of_grace(rows)
    await again(rows, erase)
    assert await tables_with(rows, ["xyzzy"]) == {}
    left = (await cases.dossier(case_id)).body
    assert (left["case"]["state"], left["case"]["outcome"]) == ("closed", "warned")
    assert [each["reason"] for each in left["reports"]] == [""]
    assert [each["text"] for each in left["notes"]] == [""]


async def test_a_title_goes_from_the_answer_that_its_conversation_was_made_with(
    desk: ExportDesk,
    identity: IdentityStandIn,
    inbox: Inbox,
    erase: EraseMessages,
    rows: asyncpg.Connection,
) -> None:
    gone, stays = identity.user("customer"), identity.user("customer")
    body = {"participant_ids": [str(stays.id)], "title": "my own title"}

    async def create() -> dict[str, object]:
        made = await desk.served.public.call(
            "POST", "/api/v1/conversations", headers=gone.authorization, key="k", json=body
        )
        assert made.status == 201, made.body
        answer: dict[str, object] = made.body
        return answer

    first = await create()
    assert first["title"] == "my own title"
    await erased(desk, inbox, erase, rows, gone)
    assert await tables_with(rows, ["my own title"]) == {}
    assert await create() == first | {"title": None}
