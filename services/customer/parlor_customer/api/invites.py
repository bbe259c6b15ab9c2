"""Invites: distributors make, list and revoke them; customers redeem them."""

from datetime import timedelta

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.pages import encode_cursor, id_in
from parlor_kit.routing import Call

from parlor_customer.api.schemas import CreatedInvite, InvitePage, InviteView, Redemption
from parlor_customer.usecases import UseCases
from parlor_customer.usecases.create_invite import Terms


async def create_invite(call: Call[UseCases]) -> Answer:
    """Create an invite; its token is in this answer and nowhere else."""
    distributor_id, body = call.user.id, call.body
    terms = Terms(body.email, body.max_uses, timedelta(seconds=body.expires_in), body.note)
    known = await call.app.idempotency.first_answer(call.idempotency_key)
    if known is not None:
        return known
    await call.app.create_invite.prepare(distributor_id)

    async def work(_: Transaction) -> Answer:
        invite, token = await call.app.create_invite(distributor_id, terms)
        return Answer(201, CreatedInvite.with_token(invite, token), object_id=invite.id)

    return await call.app.idempotency.once(call.idempotency_key, work, secret=True)


async def redeem_invite(call: Call[UseCases]) -> Answer:
    """Redeem an invite and become a customer of its distributor."""
    customer_id, token = call.user.id, call.params["token"]
    known = await call.app.idempotency.first_answer(call.idempotency_key)
    if known is not None:
        return known
    await call.app.redeem_invite.prepare(customer_id, token)

    async def work(transaction: Transaction) -> Answer:
        relationship, began = await call.app.redeem_invite(transaction, customer_id, token)
        return Answer(201 if began else 200, Redemption.of(relationship), object_id=relationship.id)

    return await call.app.idempotency.once(call.idempotency_key, work)


async def list_invites(call: Call[UseCases]) -> Answer:
    """List the caller's invites, newest first."""
    limit = call.query.limit
    found = await call.app.list_invites(
        call.user.id,
        status=call.query.status,
        before=id_in(call.query.cursor),
        limit=limit + 1,
    )
    more = encode_cursor(found[limit - 1].id) if len(found) > limit else None
    items = [InviteView.of(invite) for invite in found[:limit]]
    return Answer(200, InvitePage(items=items, next_cursor=more))


async def revoke_invite(call: Call[UseCases]) -> Answer:
    """Revoke an invite; relationships that it has started stay."""
    await call.app.revoke_invite(call.user, call.id("invite_id"))
    return Answer(204)
