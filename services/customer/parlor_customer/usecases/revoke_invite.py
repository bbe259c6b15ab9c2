"""A distributor takes an invite back. Called by `api.invites`.

Relationships that it has started stay; nobody can redeem it from the commit on.
"""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.principal import Principal

from parlor_customer.errors import InviteNotFound
from parlor_customer.models import Invite
from parlor_customer.policies import owns_invite


class RevokeInvite:
    async def __call__(self, distributor: Principal, invite_id: UUID) -> None:
        """Revoke it; again is no fault, and the first time stands.

        Raises:
            InviteNotFound: there is none, or it is another distributor's.
        """
        invite = await Invite.get_or_none(id=invite_id)
        if invite is None or not owns_invite(distributor, invite):
            raise InviteNotFound()
        await Invite.filter(id=invite_id, revoked_at=None).update(revoked_at=now())
