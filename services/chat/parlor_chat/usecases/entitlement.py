"""Whether the people of a conversation may chat, and what the tables keep of the answer.

Asked when a conversation is made and whenever an event says that something changed. The answer is
stored as the conversation's status, which every send checks under its row lock; so it is asked
rarely and obeyed always.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from parlor_chat import policies
from parlor_chat.ports import Entitlement, Entitlements

_DISABLED = "SELECT id FROM accounts WHERE disabled AND id = ANY ($1::uuid[])"

_GROUNDS = """
WITH wanted AS (SELECT unnest($2::uuid[]) AS distributor_id),
gone AS (
    DELETE FROM grounds WHERE conversation_id = $1
        AND distributor_id NOT IN (SELECT distributor_id FROM wanted)
)
INSERT INTO grounds (conversation_id, distributor_id)
SELECT $1, distributor_id FROM wanted
ON CONFLICT (conversation_id, distributor_id) DO NOTHING
"""

_RECHECK = """
INSERT INTO rechecks (conversation_id, due_at, attempts_left)
SELECT id, now() + make_interval(secs => $2), $3 FROM unnest($1::uuid[]) AS id
ON CONFLICT (conversation_id) DO UPDATE
SET due_at = least(rechecks.due_at, excluded.due_at),
    attempts_left = greatest(rechecks.attempts_left, excluded.attempts_left)
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What customer said of every pair that was asked about."""

    by_pair: dict[tuple[UUID, UUID], Entitlement]

    def of(self, participants: Iterable[UUID]) -> list[Entitlement]:
        return [self.by_pair[pair] for pair in policies.pairs_among(participants)]


async def ask(entitlements: Entitlements, groups: Iterable[Sequence[UUID]]) -> Answers:
    """Ask customer about every pair in each of `groups`, each pair once."""
    pairs = sorted({pair for group in groups for pair in policies.pairs_among(group)})
    answers = await entitlements.check(pairs) if pairs else ()
    return Answers({answer.pair: answer for answer in answers})


async def may_converse(
    connection: asyncpg.Connection, answers: Answers, participants: Sequence[UUID]
) -> bool:
    """Whether these people may chat, with the accounts that we know to be disabled."""
    entitlements = answers.of(participants)
    concerned = {*participants, *(one.distributor_id for one in entitlements if one.distributor_id)}
    rows = await connection.fetch(_DISABLED, list(concerned))
    return policies.may_converse(entitlements, {row["id"] for row in rows})


async def keep_grounds(
    connection: asyncpg.Connection,
    answers: Answers,
    conversation_id: UUID,
    participants: Sequence[UUID],
) -> None:
    """Remember on which distributors the conversation rests now."""
    grounds = {one.distributor_id for one in answers.of(participants) if one.distributor_id}
    await connection.execute(_GROUNDS, conversation_id, list(grounds))


async def recheck_later(
    connection: asyncpg.Connection, ids: Sequence[UUID], *, seconds: float, attempts: int
) -> None:
    """Ask again for these conversations in a while; see `models.Recheck` for why."""
    await connection.execute(_RECHECK, ids, seconds, attempts)
