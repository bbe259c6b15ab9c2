"""Moderators look for words in retained messages; each search is recorded."""

from parlor_kit.answers import Answer
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_chat.api.case_schemas import FoundPage
from parlor_chat.api.retention_schemas import RetainedMessageView
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.search_messages import Search


async def search_messages(call: Call[ChatServices]) -> Answer:
    """Search retained messages for words, in every version, newest first; it is recorded."""
    query = call.query
    search = Search(
        words=query.q,
        reason=query.reason,
        conversation_id=query.conversation_id,
        sender_id=query.sender_id,
        sent_after=query.sent_after,
        sent_before=query.sent_before,
    )
    found, last = await call.app.search_messages(
        Actor.user(call.user), search, before=id_in(query.cursor), limit=query.limit
    )
    items = [RetainedMessageView.of(message) for message in found]
    return Answer(200, FoundPage(items=items, next_cursor=encode_cursor(last) if last else None))
