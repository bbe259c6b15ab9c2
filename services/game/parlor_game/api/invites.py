"""Game invites: make them, answer them, take them back, see them."""

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.routing import Call

from parlor_game.api.schemas import InvitePage, InviteView
from parlor_game.usecases import UseCases
from parlor_game.usecases.find_invite import read_invite


async def create_game_invite(call: Call[UseCases]) -> Answer:
    """Invite others to a game; with bots alone, it is dealt at once."""
    create, inviter_id, body = call.app.create_invite, call.user.id, call.body
    first = await call.app.idempotency.first_answer(call.idempotency_key)
    if first is not None:
        return first
    options = create.options(inviter_id, body.game, body.invitee_ids, body.bots, body.options)
    circles = await create.circles(inviter_id, body.invitee_ids)

    async def work(transaction: Transaction) -> Answer:
        found = await create.create(
            transaction,
            inviter_id,
            body.game,
            body.invitee_ids,
            body.bots,
            options,
            circles=circles,
            seed=body.seed or "",
        )
        return Answer(201, InviteView.of(found), object_id=found.id)

    return await call.app.idempotency.once(call.idempotency_key, work)


async def list_game_invites(call: Call[UseCases]) -> Answer:
    """List the invites that the caller made or got, open ones first."""
    found, more = await call.app.list_invites.page(
        call.user.id, call.query.limit, call.query.cursor
    )
    items = [InviteView.of(invite) for invite in found]
    return Answer(200, InvitePage(items=items, next_cursor=more))


async def read_game_invite(call: Call[UseCases]) -> Answer:
    """Show an invite to those whom it concerns."""
    found = await read_invite(call.app.database, call.id("invite_id"), call.user.id)
    return Answer(200, InviteView.of(found))


async def accept_game_invite(call: Call[UseCases]) -> Answer:
    """Accept an invite; the last acceptance deals the cards."""
    found = await call.app.answer_invite.accept(
        call.id("invite_id"), call.user.id, call.body.seed or ""
    )
    return Answer(200, InviteView.of(found))


async def say_invite_seed(call: Call[UseCases]) -> Answer:
    """Say the inviter's word for the deal, once the commitment is known."""
    found = await call.app.answer_invite.say_seed(
        call.id("invite_id"), call.user.id, call.body.seed
    )
    return Answer(200, InviteView.of(found))


async def decline_game_invite(call: Call[UseCases]) -> Answer:
    """Decline an invite, and with it the game."""
    found = await call.app.answer_invite.decline(call.id("invite_id"), call.user.id)
    return Answer(200, InviteView.of(found))


async def withdraw_game_invite(call: Call[UseCases]) -> Answer:
    """Take back an invite that is still open."""
    found = await call.app.answer_invite.withdraw(call.id("invite_id"), call.user.id)
    return Answer(200, InviteView.of(found))
