"""Find an invite with its invitees, for the use cases that read or answer one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.clock import now
from parlor_kit.errors import NotFound

from parlor_game.models import Invite, Invitee
from parlor_game.policies import may_see_invite

PENDING, ACCEPTED, DECLINED = "pending", "accepted", "declined"
EXPIRED, CANCELLED = "expired", "cancelled"


@dataclass(frozen=True, slots=True)
class FoundInvite:
    """An invite and its invitees, in the order in which they were named."""

    invite: Invite
    invitees: list[Invitee]

    @property
    def invitee_ids(self) -> list[UUID]:
        return [invitee.user_id for invitee in self.invitees]

    @property
    def players(self) -> list[UUID]:
        """Everybody who would sit at the table, by seat."""
        return [self.invite.inviter_id, *self.invitee_ids]

    @property
    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = orjson.loads(self.invite.options)
        return options

    def of(self, user_id: UUID) -> Invitee | None:
        return next((one for one in self.invitees if one.user_id == user_id), None)

    def status(self, at: datetime) -> str:
        """Expired from the moment it says, whether or not the job has come by."""
        if self.invite.status == PENDING and self.invite.expires_at <= at:
            return EXPIRED
        return self.invite.status


async def find_invite(invite_id: UUID, *, locked: bool = False) -> FoundInvite | None:
    """The invite; `locked` inside a transaction makes others wait for its end."""
    query = Invite.filter(id=invite_id)
    invite = await (query.select_for_update() if locked else query).first()
    if invite is None:
        return None
    return FoundInvite(invite, await Invitee.filter(invite_id=invite_id).order_by("position"))


async def read_invite(invite_id: UUID, user_id: UUID) -> FoundInvite:
    """The invite as a party to it sees it."""
    found = await find_invite(invite_id)
    if found is None or not may_see_invite(user_id, found.invite.inviter_id, found.invitee_ids):
        raise NotFound()
    return found


def open_now(found: FoundInvite) -> bool:
    return found.status(now()) == PENDING
