"""Cases: the queue of reported messages, for moderators and admins alone."""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_chat.api.case_schemas import (
    CasePage,
    CaseView,
    DossierView,
    NoteView,
    QueuedCaseView,
)
from parlor_chat.api.recorded import recorded
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.close_case import Decision
from parlor_chat.usecases.handle_case import note_case
from parlor_chat.usecases.view_cases import CaseFilter


@recorded("case.listed")
async def list_cases(call: Call[ChatServices]) -> Answer:
    """List cases of reported messages, oldest first."""
    query = call.query
    wanted = CaseFilter(
        state=query.state,
        assignee_id=query.assignee_id,
        conversation_id=query.conversation_id,
        subject_id=query.subject_id,
    )
    found, last = await call.app.view_cases.page(wanted, query.limit, id_in(query.cursor))
    items = [QueuedCaseView.queued(counted) for counted in found]
    return Answer(200, CasePage(items=items, next_cursor=encode_cursor(last) if last else None))


async def read_case(call: Call[ChatServices]) -> Answer:
    """Look into a case: its message in every version, reports and notes; each view is recorded."""
    dossier = await call.app.view_cases.one(
        Actor.user(call.user), call.id("case_id"), call.query.reason
    )
    return Answer(200, DossierView.of(dossier))


async def assign_case(call: Call[ChatServices]) -> Answer:
    """Take a case, give it back, or, as an admin, give it to somebody."""
    case = await call.app.assign_case(
        Actor.user(call.user),
        call.id("case_id"),
        assignee_id=call.body.assignee_id,
        expected_version=call.body.expected_version,
    )
    return Answer(200, CaseView.of(case))


async def create_case_note(call: Call[ChatServices]) -> Answer:
    """Note something on a case."""

    async def work(transaction: Transaction) -> Answer:
        note = await note_case(
            transaction, Actor.user(call.user), call.id("case_id"), call.body.text
        )
        return Answer(201, NoteView.of(note), object_id=note.message_id)

    return await call.app.idempotency.once(call.idempotency_key, work)


async def close_case(call: Call[ChatServices]) -> Answer:
    """Decide a case: the message is removed or retained, its sender warned or suspended."""
    body = call.body
    decision = Decision(body.outcome, body.expected_version, body.reason, body.explanation)
    case = await call.app.close_case(Actor.user(call.user), call.id("case_id"), decision)
    return Answer(200, CaseView.of(case))
