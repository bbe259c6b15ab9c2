"""Route functions of conversations."""

from parlor_kit.answers import Answer
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_chat.usecases.chat_services import ChatServices


async def create_conversation(call: Call[ChatServices]) -> Answer:
    """Create a conversation with people whom you may chat with."""
    return await call.app.create_conversation(
        call.user.id, call.body.participant_ids, call.body.title, call.idempotency_key
    )


async def list_conversations(call: Call[ChatServices]) -> Answer:
    """List your conversations, newest first."""
    items, last = await call.app.view_conversations.mine(
        call.user.id, call.query.limit, id_in(call.query.cursor)
    )
    cursor = encode_cursor(last) if last else None
    return Answer(200, {"items": items, "next_cursor": cursor})


async def get_conversation(call: Call[ChatServices]) -> Answer:
    """Show one of your conversations."""
    view = await call.app.view_conversations.one(call.user.id, call.id("conversation_id"))
    return Answer(200, view)


async def create_socket_ticket(call: Call[ChatServices]) -> Answer:
    """Get a ticket that opens one live socket within a minute."""
    return await call.app.socket_access.issue(
        call.user.id, call.id("conversation_id"), call.idempotency_key
    )
