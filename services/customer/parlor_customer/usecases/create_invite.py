"""A distributor makes an invite. Called by `api.invites`, inside the request's transaction."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.ids import new_id

from parlor_customer.errors import AccountDisabled
from parlor_customer.models import Account, AccountStatus, Invite
from parlor_customer.usecases.accounts import Accounts

PREFIX = "inv_"  # so that a token in a log or a repository is recognised for what it is


def new_token() -> str:
    """32 random bytes that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """What is stored. A plain hash does, as the token has 256 bits of its own."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Terms:
    """What the distributor offers: to whom, how often, for how long."""

    email: str | None
    max_uses: int
    expires_in: timedelta
    note: str | None


class CreateInvite:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def prepare(self, distributor_id: UUID) -> None:
        """Learn of the distributor, before the transaction, when no event has told of it yet."""
        await self._accounts.know(distributor_id)

    async def __call__(self, distributor_id: UUID, terms: Terms) -> tuple[Invite, str]:
        """The invite and its token, which exists nowhere else.

        Raises:
            AccountDisabled: a disabled distributor invites nobody.
        """
        account = await Account.get_or_none(id=distributor_id)
        if account is None or account.status != AccountStatus.ACTIVE:
            raise AccountDisabled()
        token, moment = new_token(), now()
        invite = await Invite.create(
            id=new_id(),
            distributor_id=distributor_id,
            token_hash=hash_token(token),
            email=terms.email,
            note=terms.note,
            max_uses=terms.max_uses,
            expires_at=moment + terms.expires_in,
            created_at=moment,
        )
        return invite, token
