"""Participants report messages, and read the notices that are for them."""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_chat.api.case_schemas import NoticePage, NoticeView, ReportView
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.report_message import report_message


async def create_report(call: Call[ChatServices]) -> Answer:
    """Report a message to the moderators; a second report of yours is the first one."""

    async def work(transaction: Transaction) -> Answer:
        report, made = await report_message(
            transaction,
            call.user.id,
            Actor.user(call.user),
            call.id("message_id"),
            category=call.body.category,
            reason=call.body.reason,
        )
        return Answer(201 if made else 200, ReportView.of(report), object_id=report.message_id)

    return await call.app.idempotency.once(call.idempotency_key, work)


async def list_notices(call: Call[ChatServices]) -> Answer:
    """List what was decided about messages that you reported or sent, newest first."""
    rows, last = await call.app.notices.page(
        call.user.id, call.query.limit, id_in(call.query.cursor)
    )
    more = encode_cursor(last) if last else None
    return Answer(200, NoticePage(items=[NoticeView.of(row) for row in rows], next_cursor=more))


async def read_notice(call: Call[ChatServices]) -> Answer:
    """Record that you have read a notice; the first time stands."""
    return Answer(
        200, NoticeView.of(await call.app.notices.read(call.user.id, call.id("notice_id")))
    )
