"""Answer an invite: accept, decline, or withdraw it. The last acceptance deals the game.

Every answer is decided under the lock of the invite's row, so of two answers at once one sees the
other's result: the game is dealt once, and nobody plays a game that was declined.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import NotFound

from parlor_game import events
from parlor_game.errors import InviteClosed, NotEntitled
from parlor_game.policies import (
    may_answer_invite,
    may_say_inviters_seed,
    may_withdraw_invite,
)
from parlor_game.ports import Circles, Entitlements
from parlor_game.usecases.check_accounts import any_disabled
from parlor_game.usecases.deal_game import deal_game
from parlor_game.usecases.find_invite import (
    ACCEPTED,
    CANCELLED,
    DECLINED,
    PENDING,
    FoundInvite,
    find_invites,
    lock_invite,
)

_ANSWER = """
UPDATE invitees SET status = $3, answered_at = $4, seed = $5
WHERE invite_id = $1 AND user_id = $2
"""
_SEED = "UPDATE invites SET seed = $2 WHERE id = $1"
_CLOSE = "UPDATE invites SET status = $2, game_id = $3 WHERE id = $1"


class AnswerInvite:
    def __init__(
        self, database: Database, entitlements: Entitlements, idle_after: timedelta
    ) -> None:
        self._database = database
        self._entitlements = entitlements
        self._idle_after = idle_after

    async def accept(self, invite_id: UUID, user_id: UUID, seed: str = "") -> FoundInvite:
        """Take the seat, with a word for the deal. Accepting again gives the invite as it stands.

        Raises:
            NotFound: no such invite for this user.
            InviteClosed: answered otherwise, or no longer open.
            NotEntitled: by now some pair at the table may not play together.
        """
        people, circles = await self._circles(invite_id, user_id)
        async with self._database.transaction() as transaction:
            if circles is not None and await any_disabled(transaction.connection, people, circles):
                circles = None
            found = await _locked(transaction, invite_id, user_id)
            if found.answers[user_id] == ACCEPTED:
                return found
            _refuse_unless_open(found, user_id)
            if circles is None:
                raise NotEntitled()
            found = await _answer(transaction, found, user_id, ACCEPTED, seed)
            if set(found.answers.values()) == {ACCEPTED}:
                found = await deal_invite(transaction, found, circles, self._idle_after)
            return found

    async def _circles(
        self, invite_id: UUID, user_id: UUID
    ) -> tuple[Sequence[UUID], Circles | None]:
        """The people of the invite, which are always the same, and what is said of them.

        Asked before the invite is locked: the customer service may be slow.
        """
        async with self._database.connection() as connection:
            before = (await find_invites(connection, [invite_id])).get(invite_id)
        if before is None or not may_answer_invite(user_id, before.invitee_ids):
            raise NotFound()
        # An invite that is closed or expired now stays so; nobody need be asked about it.
        if before.status != PENDING:
            return (), {}
        return before.people, await self._entitlements.circles(before.people)

    async def decline(self, invite_id: UUID, user_id: UUID) -> FoundInvite:
        """Refuse the seat, and with it the game. Declining again gives the invite as it stands."""
        async with self._database.transaction() as transaction:
            found = await _locked(transaction, invite_id, user_id)
            if found.answers[user_id] == DECLINED:
                return found
            _refuse_unless_open(found, user_id)
            return await close_by(transaction, found, user_id)

    async def say_seed(self, invite_id: UUID, user_id: UUID, seed: str) -> FoundInvite:
        """The inviter's word for the deal, said when the commitment is known; the last one counts.

        Raises:
            NotFound: no such invite of this user.
            InviteClosed: it is too late.
        """
        async with self._database.transaction() as transaction:
            found = await lock_invite(transaction.connection, invite_id)
            if found is None or not may_say_inviters_seed(user_id, found.inviter_id):
                raise NotFound()
            if found.status != PENDING:
                raise InviteClosed()
            await transaction.connection.execute(_SEED, invite_id, seed)
            return replace(found, seeds=(seed, *found.seeds[1:]))

    async def withdraw(self, invite_id: UUID, user_id: UUID) -> FoundInvite:
        """Take back an invite of one's own that is still open."""
        async with self._database.transaction() as transaction:
            found = await lock_invite(transaction.connection, invite_id)
            if found is None or not may_withdraw_invite(user_id, found.inviter_id):
                raise NotFound()
            if found.stored_status == CANCELLED:
                return found
            if found.status != PENDING:
                raise InviteClosed()
            return await close_by(transaction, found, user_id)


async def deal_invite(
    transaction: Transaction, found: FoundInvite, circles: Circles, idle_after: timedelta
) -> FoundInvite:
    """Deal the game of an invite that everybody has accepted."""
    table = await deal_game(
        transaction,
        invite_id=found.id,
        game=found.game,
        options=found.options,
        players=found.players,
        bot_ids=found.bot_ids,
        circles=circles,
        server_seed=found.server_seed,
        seeds=(*found.seeds, *("" for _ in found.bot_ids)),
        idle_after=idle_after,
    )
    return await _close(transaction, found, ACCEPTED, table.game_id)


async def close_by(transaction: Transaction, found: FoundInvite, user_id: UUID) -> FoundInvite:
    """End an open invite because one party to it does not want it, or may not."""
    status = CANCELLED
    if user_id in found.answers:
        found, status = await _answer(transaction, found, user_id, DECLINED), DECLINED
    transaction.publish(
        events.invite_declined(found.id, found.game, found.inviter_id, found.invitee_ids, user_id)
    )
    return await _close(transaction, found, status, None)


async def _locked(transaction: Transaction, invite_id: UUID, user_id: UUID) -> FoundInvite:
    found = await lock_invite(transaction.connection, invite_id)
    if found is None or not may_answer_invite(user_id, found.invitee_ids):
        raise NotFound()
    return found


def _refuse_unless_open(found: FoundInvite, user_id: UUID) -> None:
    if found.status != PENDING or found.answers[user_id] != PENDING:
        raise InviteClosed()


async def _answer(
    transaction: Transaction, found: FoundInvite, user_id: UUID, status: str, seed: str = ""
) -> FoundInvite:
    await transaction.connection.execute(_ANSWER, found.id, user_id, status, now(), seed)
    place = found.players.index(user_id)
    return replace(
        found,
        answers=found.answers | {user_id: status},
        seeds=(*found.seeds[:place], seed, *found.seeds[place + 1 :]),
    )


async def _close(
    transaction: Transaction, found: FoundInvite, status: str, game_id: UUID | None
) -> FoundInvite:
    await transaction.connection.execute(_CLOSE, found.id, status, game_id)
    return replace(found, stored_status=status, game_id=game_id)
