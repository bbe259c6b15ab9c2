"""A customer redeems an invite and so becomes a customer of its distributor.

Called by `api.invites`. However many redeem at once, an invite is used at most `max_uses` times:
the use is taken by one conditional update in the transaction that starts the relationship, so both
happen or neither. Whoever has what the invite would give gets it again without another use.
"""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.ids import new_id

from parlor_customer.errors import (
    AccountDisabled,
    DistributorDisabled,
    InviteExhausted,
    InviteExpired,
    InviteNotForYou,
    InviteNotFound,
    InviteRevoked,
)
from parlor_customer.events import relationship_started
from parlor_customer.models import Account, AccountStatus, Invite, InviteStatus, Relationship
from parlor_customer.policies import is_invited
from parlor_customer.usecases.accounts import Accounts
from parlor_customer.usecases.create_invite import hash_token
from parlor_customer.usecases.customer_lock import lock_customer

_TAKE_A_USE = """
UPDATE invites SET uses = uses + 1
WHERE id = $1 AND uses < max_uses AND revoked_at IS NULL AND expires_at > $2
RETURNING id
"""


class RedeemInvite:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def prepare(self, customer_id: UUID, token: str) -> None:
        """Before the transaction: learn from identity who the two are, unless it is done already.

        Raises:
            InviteNotFound: no such token.
            DependencyUnavailable: identity does not answer; nothing was spent.
        """
        invite = await _find(token)
        if not await Relationship.exists(invite_id=invite.id, customer_id=customer_id):
            await self._accounts.refresh({customer_id, invite.distributor_id})

    async def __call__(
        self, transaction: Transaction, customer_id: UUID, token: str
    ) -> tuple[Relationship, bool]:
        """The relationship, and whether it began just now.

        Raises:
            InviteNotFound, InviteRevoked, InviteExpired, InviteExhausted, InviteNotForYou,
            DistributorDisabled, AccountDisabled.
        """
        await lock_customer(transaction, customer_id)
        invite = await _find(token)
        redeemed = await Relationship.get_or_none(invite_id=invite.id, customer_id=customer_id)
        if redeemed is not None:
            return redeemed, False
        _refuse_closed(invite)
        await _refuse_people(invite, customer_id)
        current = await Relationship.get_or_none(
            distributor_id=invite.distributor_id, customer_id=customer_id, ended_at=None
        )
        if current is not None:
            return current, False
        moment = now()
        if not await transaction.connection.fetchval(_TAKE_A_USE, invite.id, moment):
            _refuse_closed(await _find(token))
            raise InviteExhausted()
        relationship = await Relationship.create(
            id=new_id(),
            distributor_id=invite.distributor_id,
            customer_id=customer_id,
            invite_id=invite.id,
            since=moment,
        )
        transaction.publish(relationship_started(relationship))
        return relationship, True


async def _find(token: str) -> Invite:
    invite = await Invite.get_or_none(token_hash=hash_token(token))
    if invite is None:
        raise InviteNotFound()
    return invite


def _refuse_closed(invite: Invite) -> None:
    """Not for exhausted ones: who has used it before is answered again, without another use."""
    if invite.status_at(now()) is InviteStatus.REVOKED:
        raise InviteRevoked()
    if invite.expires_at <= now():
        raise InviteExpired()


async def _refuse_people(invite: Invite, customer_id: UUID) -> None:
    """Locks both, so that nobody is disabled or erased between this and the commit."""
    people = Account.filter(id__in=[customer_id, invite.distributor_id])
    accounts = {
        account.id: account
        for account in await people.order_by("id").select_for_update(no_key=True)
    }
    customer = accounts.get(customer_id)
    if customer is None or customer.status != AccountStatus.ACTIVE:
        raise AccountDisabled()
    if not is_invited(customer.email, invite):
        raise InviteNotForYou()
    distributor = accounts.get(invite.distributor_id)
    if distributor is None or distributor.status != AccountStatus.ACTIVE:
        raise DistributorDisabled()
