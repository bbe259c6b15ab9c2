"""Legal holds of moderators and admins, by matter: placed, searched, looked at, released, restored.

Holds of one conversation are placed and released beside its review, see `moderation`.
"""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_chat.api.hold_schemas import HoldDetailView, HoldPage, MatterHoldView
from parlor_chat.api.recorded import recorded
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.place_hold import hold_matter


async def place_matter_hold(call: Call[ChatServices]) -> Answer:
    """Place a legal hold on conversations and on custodians, with all they take part in."""
    actor, body = Actor.user(call.user), call.body

    async def work(transaction: Transaction) -> Answer:
        hold = await hold_matter(
            transaction,
            actor,
            matter=body.matter,
            reason=body.reason,
            conversation_ids=body.conversation_ids,
            custodian_ids=body.custodian_ids,
        )
        return Answer(201, MatterHoldView.of(hold), object_id=hold.id)

    return await call.app.idempotency.once(call.idempotency_key, work)


@recorded("hold.listed")
async def list_legal_holds(call: Call[ChatServices]) -> Answer:
    """List legal holds by matter, state, source, conversation or custodian; recorded."""
    query = call.query
    found = await call.app.read_holds.page(
        query.filter, before=id_in(query.cursor), limit=query.limit + 1
    )
    items = [MatterHoldView.of(hold) for hold in found[: query.limit]]
    more = encode_cursor(items[-1].id) if len(found) > query.limit else None
    return Answer(200, HoldPage(items=items, next_cursor=more))


@recorded("hold.viewed")
async def read_matter_hold(call: Call[ChatServices]) -> Answer:
    """Say what a legal hold names and keeps at present; recorded."""
    return Answer(200, HoldDetailView.of(await call.app.read_holds.one(call.id("hold_id"))))


async def release_matter_hold(call: Call[ChatServices]) -> Answer:
    """Release a legal hold; what it keeps stays for a grace more, in which it can be restored."""
    hold = await call.app.release_hold.one(
        Actor.user(call.user), call.id("hold_id"), call.query.reason
    )
    return Answer(200, MatterHoldView.of(hold))


async def restore_matter_hold(call: Call[ChatServices]) -> Answer:
    """Restore a released legal hold within its grace."""
    hold = await call.app.restore_hold(
        Actor.user(call.user), call.id("hold_id"), reason=call.body.reason
    )
    return Answer(200, MatterHoldView.of(hold))
