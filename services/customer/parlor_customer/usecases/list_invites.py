"""A distributor's own invites, newest first. Called by `api.invites`."""

from uuid import UUID

from parlor_kit.clock import now
from tortoise.expressions import F, Q

from parlor_customer.models import Invite, InviteStatus


class ListInvites:
    async def __call__(
        self, distributor_id: UUID, *, status: InviteStatus | None, before: UUID | None, limit: int
    ) -> list[Invite]:
        """Up to `limit` invites older than `before`; the same rule of status as the model's."""
        query = Invite.filter(distributor_id=distributor_id)
        if status is not None:
            query = query.filter(_having(status))
        if before is not None:
            query = query.filter(id__lt=before)
        return await query.order_by("-id").limit(limit)


def _having(status: InviteStatus) -> Q:
    """`Invite.status_at(now)` as a condition."""
    revoked = Q(revoked_at__isnull=False)
    exhausted = Q(uses__gte=F("max_uses"))
    expired = Q(expires_at__lte=now())
    match status:
        case InviteStatus.REVOKED:
            return revoked
        case InviteStatus.EXHAUSTED:
            return ~revoked & exhausted
        case InviteStatus.EXPIRED:
            return ~revoked & ~exhausted & expired
        case InviteStatus.ACTIVE:
            return ~revoked & ~exhausted & ~expired
