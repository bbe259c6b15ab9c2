"""Invite others to a game. Nobody is invited who may not play with everybody at the table.

The server's secret for the deal is drawn here, before anybody who is invited can say a seed.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.errors import ValidationFailed
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES
from parlor_rules.fair_deal import SERVER_SEED_BYTES
from parlor_rules.protocol import InvalidOptions

from parlor_game import bots, events, table_options
from parlor_game.errors import NotEntitled
from parlor_game.ports import Circles, Entitlements
from parlor_game.usecases.answer_invite import deal_invite
from parlor_game.usecases.check_accounts import any_disabled
from parlor_game.usecases.find_invite import PENDING, FoundInvite

_INSERT = """
WITH invite AS (
    INSERT INTO invites (id, game, options, inviter_id, status, expires_at, created_at,
        server_seed, seed, bot_ids)
    VALUES ($1, $2, $3, $4, 'pending', $5, $6, $8, $9, $10)
)
INSERT INTO invitees (invite_id, position, user_id, status)
SELECT $1, position - 1, user_id, 'pending'
FROM unnest($7::uuid[]) WITH ORDINALITY AS named(user_id, position)
"""


class CreateInvite:
    def __init__(
        self, entitlements: Entitlements, lifetime: timedelta, idle_after: timedelta
    ) -> None:
        self._entitlements = entitlements
        self._lifetime = lifetime
        self._idle_after = idle_after

    def options(
        self,
        inviter_id: UUID,
        game: str,
        invitee_ids: Sequence[UUID],
        levels: Sequence[bots.Level],
        options: Mapping[str, object],
    ) -> dict[str, Any]:
        """All options of the table and of the game, defaults filled in.

        Raises:
            ValidationFailed: an unknown game or option, or a table that cannot be.
        """
        return _validated(inviter_id, game, invitee_ids, len(levels), options)

    async def circles(self, inviter_id: UUID, invitee_ids: Sequence[UUID]) -> Circles | None:
        """Asked before the transaction, which should not wait for another service."""
        return await self._entitlements.circles([inviter_id, *invitee_ids])

    async def create(
        self,
        transaction: Transaction,
        inviter_id: UUID,
        game: str,
        invitee_ids: Sequence[UUID],
        levels: Sequence[bots.Level],
        options: Mapping[str, Any],
        *,
        circles: Circles | None,
        seed: str = "",
    ) -> FoundInvite:
        """Record the invite. Where all others are bots, nobody need answer: the cards are dealt.

        Raises:
            NotEntitled: not every pair at the table may play together.
        """
        people = [inviter_id, *invitee_ids]
        if circles is None or await any_disabled(transaction.connection, people, circles):
            raise NotEntitled()
        at = now()
        found = FoundInvite(
            id=new_id(),
            game=game,
            options=dict(options),
            inviter_id=inviter_id,
            stored_status=PENDING,
            game_id=None,
            expires_at=at + self._lifetime,
            created_at=at,
            answers=dict.fromkeys(invitee_ids, PENDING),
            server_seed=secrets.token_bytes(SERVER_SEED_BYTES),
            seeds=(seed, *("" for _ in invitee_ids)),
            bot_ids=tuple(bots.seated(levels)),
        )
        await transaction.connection.execute(
            _INSERT,
            found.id,
            game,
            orjson.dumps(options).decode(),
            inviter_id,
            found.expires_at,
            at,
            invitee_ids,
            found.server_seed,
            seed,
            found.bot_ids or None,
        )
        if not invitee_ids:
            return await deal_invite(transaction, found, circles, self._idle_after)
        transaction.publish(
            events.invited(found.id, game, inviter_id, invitee_ids, found.expires_at)
        )
        return found


def _validated(
    inviter_id: UUID,
    game: str,
    invitee_ids: Sequence[UUID],
    bot_count: int,
    options: Mapping[str, object],
) -> dict[str, Any]:
    rules = GAMES.get(game)
    if rules is None:
        raise ValidationFailed([("game", f"must be one of {', '.join(GAMES)}")])
    wrong = []
    if len(set(invitee_ids)) != len(invitee_ids):
        wrong.append(("invitee_ids", "must not name anybody twice"))
    if inviter_id in invitee_ids:
        wrong.append(("invitee_ids", "must not name yourself"))
    if 1 + len(invitee_ids) + bot_count not in rules.seats:
        fewest, most = rules.seats[0] - 1, rules.seats[-1] - 1
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        wrong.append(
            ("invitee_ids", f"must name {wanted} other players for this game, bots included")
        )
    chosen: dict[str, Any] = {}
    try:
        chosen |= rules.options(table_options.for_rules(options))
    except InvalidOptions as refused:
        wrong.extend(refused.errors)
    try:
        chosen |= table_options.read(options).stored()
    except InvalidOptions as refused:
        wrong.extend(refused.errors)
    if wrong:
        raise ValidationFailed(wrong)
    return chosen
