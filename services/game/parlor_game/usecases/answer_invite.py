"""Answer an invite: accept, decline, or withdraw it. The last acceptance deals the game.

Every answer is decided under the lock of the invite's row, so of two answers at once one sees the
other's result: the game is dealt once, and nobody plays a game that was declined.
"""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound

from parlor_game import events
from parlor_game.errors import InviteClosed, NotEntitled
from parlor_game.models import Invitee
from parlor_game.policies import may_answer_invite, may_withdraw_invite
from parlor_game.ports import Entitlements
from parlor_game.usecases.deal_game import deal_game
from parlor_game.usecases.find_invite import (
    ACCEPTED,
    CANCELLED,
    DECLINED,
    PENDING,
    FoundInvite,
    find_invite,
    open_now,
)


class AnswerInvite:
    def __init__(self, database: Database, entitlements: Entitlements) -> None:
        self._database = database
        self._entitlements = entitlements

    async def accept(self, invite_id: UUID, user_id: UUID) -> FoundInvite:
        """Take the seat. Accepting again gives the invite as it stands.

        Raises:
            NotFound: no such invite for this user.
            InviteClosed: answered otherwise, or no longer open.
            NotEntitled: by now some pair at the table may not play together.
        """
        # Before the lock: the customer service may be slow, and the invite's row is not ours yet.
        before = await find_invite(invite_id)
        if before is None or not may_answer_invite(user_id, before.invitee_ids):
            raise NotFound()
        entitled = not open_now(before) or await self._entitlements.all_entitled(before.players)
        async with self._database.transaction() as transaction:
            found, mine = await _locked(invite_id, user_id)
            if mine.status == ACCEPTED:
                return found
            if mine.status != PENDING or not open_now(found):
                raise InviteClosed()
            if not entitled:
                raise NotEntitled()
            await _answer(mine, ACCEPTED)
            if all(invitee.status == ACCEPTED for invitee in found.invitees):
                table = await deal_game(
                    transaction,
                    invite_id=invite_id,
                    game=found.invite.game,
                    options=found.options,
                    players=found.players,
                )
                found.invite.status = ACCEPTED
                found.invite.game_id = table.game_id
                await found.invite.save(update_fields=["status", "game_id"])
            return found

    async def decline(self, invite_id: UUID, user_id: UUID) -> FoundInvite:
        """Refuse the seat, and with it the game. Declining again gives the invite as it stands."""
        async with self._database.transaction() as transaction:
            found, mine = await _locked(invite_id, user_id)
            if mine.status == DECLINED:
                return found
            if mine.status != PENDING or not open_now(found):
                raise InviteClosed()
            await close_by(transaction, found, user_id)
            return found

    async def withdraw(self, invite_id: UUID, user_id: UUID) -> FoundInvite:
        """Take back an invite of one's own that is still open."""
        async with self._database.transaction() as transaction:
            found = await find_invite(invite_id, locked=True)
            if found is None or not may_withdraw_invite(user_id, found.invite.inviter_id):
                raise NotFound()
            if found.invite.status == CANCELLED:
                return found
            if not open_now(found):
                raise InviteClosed()
            await close_by(transaction, found, user_id)
            return found


async def close_by(transaction: Transaction, found: FoundInvite, user_id: UUID) -> None:
    """End an open invite because one party to it does not want it, or may not."""
    invitee = found.of(user_id)
    if invitee is not None:
        await _answer(invitee, DECLINED)
    found.invite.status = DECLINED if invitee is not None else CANCELLED
    await found.invite.save(update_fields=["status"])
    transaction.publish(
        events.invite_declined(
            found.invite.id,
            found.invite.game,
            found.invite.inviter_id,
            found.invitee_ids,
            user_id,
        )
    )


async def _locked(invite_id: UUID, user_id: UUID) -> tuple[FoundInvite, Invitee]:
    found = await find_invite(invite_id, locked=True)
    mine = found.of(user_id) if found else None
    if found is None or mine is None:
        raise NotFound()
    return found, mine


async def _answer(invitee: Invitee, status: str) -> None:
    invitee.status = status
    invitee.answered_at = now()
    await invitee.save(update_fields=["status", "answered_at"])
