"""Find invites with their invitees, for the use cases that read or answer them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.clock import now
from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_rules.fair_deal import commitment_to

from parlor_game.policies import may_see_invite

PENDING, ACCEPTED, DECLINED = "pending", "accepted", "declined"
EXPIRED, CANCELLED = "expired", "cancelled"

_FIND = """
SELECT i.id, i.game, i.options, i.inviter_id, i.status, i.game_id, i.expires_at, i.created_at,
    i.server_seed, i.seed, i.bot_ids,
    ARRAY(SELECT e.user_id FROM invitees e WHERE e.invite_id = i.id ORDER BY e.position) AS users,
    ARRAY(SELECT e.status FROM invitees e WHERE e.invite_id = i.id ORDER BY e.position) AS answers,
    ARRAY(SELECT e.seed FROM invitees e WHERE e.invite_id = i.id ORDER BY e.position) AS seeds
FROM invites i WHERE i.id = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class FoundInvite:
    """An invite as it is written, with everybody's answer in the order of the invitees.

    `server_seed` and `seeds` decide the cards: neither is shown before the deal, and the first
    not before the end.
    """

    id: UUID
    game: str
    options: dict[str, Any]
    inviter_id: UUID
    stored_status: str
    game_id: UUID | None
    expires_at: datetime
    created_at: datetime
    answers: dict[UUID, str]
    server_seed: bytes = field(repr=False)
    seeds: tuple[str, ...] = field(repr=False)  # of the people, by seat, "" for none
    bot_ids: tuple[UUID, ...] = ()

    @property
    def commitment(self) -> str:
        """What everybody invited knows of the server's seed from the beginning."""
        return commitment_to(self.server_seed).hex()

    @property
    def invitee_ids(self) -> list[UUID]:
        return list(self.answers)

    @property
    def people(self) -> list[UUID]:
        """Everybody with an account who would sit at the table, by seat."""
        return [self.inviter_id, *self.answers]

    @property
    def players(self) -> list[UUID]:
        """Everybody who would sit at the table, by seat; the bots come last."""
        return [*self.people, *self.bot_ids]

    @property
    def status(self) -> str:
        """Expired from the moment it says, whether or not the job has come by."""
        if self.stored_status == PENDING and self.expires_at <= now():
            return EXPIRED
        return self.stored_status


async def find_invites(
    connection: asyncpg.Connection, invite_ids: Sequence[UUID]
) -> dict[UUID, FoundInvite]:
    return {
        row["id"]: FoundInvite(
            id=row["id"],
            game=row["game"],
            options=orjson.loads(row["options"]),
            inviter_id=row["inviter_id"],
            stored_status=row["status"],
            game_id=row["game_id"],
            expires_at=row["expires_at"],
            created_at=row["created_at"],
            answers=dict(zip(row["users"], row["answers"], strict=True)),
            server_seed=bytes(row["server_seed"]),
            seeds=(row["seed"], *row["seeds"]),
            bot_ids=tuple(row["bot_ids"] or ()),
        )
        for row in await connection.fetch(_FIND, invite_ids)
    }


async def lock_invite(connection: asyncpg.Connection, invite_id: UUID) -> FoundInvite | None:
    """The invite, which others wait for until this transaction ends.

    It is read by a second statement, so that it is what whoever held the lock before has left.
    """
    await connection.execute("SELECT 1 FROM invites WHERE id = $1 FOR UPDATE", invite_id)
    return (await find_invites(connection, [invite_id])).get(invite_id)


async def read_invite(database: Database, invite_id: UUID, user_id: UUID) -> FoundInvite:
    """The invite as a party to it sees it; 404 for everybody else."""
    async with database.connection() as connection:
        found = (await find_invites(connection, [invite_id])).get(invite_id)
    if found is None or not may_see_invite(user_id, found.inviter_id, found.invitee_ids):
        raise NotFound()
    return found
