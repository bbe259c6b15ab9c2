"""Moderation: reviewing what a conversation retains, and the legal holds on it.

For moderators and admins alone, apart from every route that participants have.
"""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.pages import encode_cursor, number_in
from parlor_kit.routing import Call

from parlor_chat.api.retention_schemas import HoldView, ReleasedHolds, ReviewView
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.place_hold import place_hold


async def review_conversation(call: Call[ChatServices]) -> Answer:
    """Review what a conversation retains, archived messages included; each view is recorded."""
    query = call.query
    review = await call.app.review_conversation(
        Actor.user(call.user),
        call.id("conversation_id"),
        reason=query.reason,
        after_seq=number_in(query.cursor) or 0,
        limit=query.limit,
    )
    more = encode_cursor(review.next_seq) if review.next_seq is not None else None
    return Answer(200, ReviewView.of(review, more))


async def place_legal_hold(call: Call[ChatServices]) -> Answer:
    """Place a legal hold; a standing hold of the same matter is given again."""
    actor, conversation_id = Actor.user(call.user), call.id("conversation_id")

    async def work(transaction: Transaction) -> Answer:
        hold, placed = await place_hold(
            transaction,
            actor,
            conversation_id,
            matter=call.body.matter,
            reason=call.body.reason,
        )
        view = HoldView.of(hold, conversation_id)
        return Answer(201 if placed else 200, view, object_id=hold.id)

    return await call.app.idempotency.once(call.idempotency_key, work)


async def release_legal_hold(call: Call[ChatServices]) -> Answer:
    """Release the holds of one matter, or all that came through the API."""
    conversation_id = call.id("conversation_id")
    released = await call.app.release_hold(
        Actor.user(call.user), conversation_id, call.query.matter, call.query.reason
    )
    items = [HoldView.of(hold, conversation_id) for hold in released]
    return Answer(200, ReleasedHolds(items=items))


async def restore_legal_hold(call: Call[ChatServices]) -> Answer:
    """Restore a released hold of this conversation within its grace."""
    conversation_id = call.id("conversation_id")
    hold = await call.app.restore_hold(
        Actor.user(call.user),
        call.id("hold_id"),
        reason=call.body.reason,
        conversation_id=conversation_id,
    )
    return Answer(200, HoldView.of(hold, conversation_id))
