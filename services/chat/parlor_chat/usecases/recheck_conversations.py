"""Closes conversations whose people may no longer chat, and opens them again when they may.

Called by the reactions to relationships and accounts, and by the worker for rechecks that are due.
Closing is a row and an event in one transaction: sends are refused from its commit on, and every
replica closes its sockets when the event reaches it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from parlor_kit.database import Database, Transaction

from parlor_chat import events
from parlor_chat.models import Status
from parlor_chat.ports import Entitlements
from parlor_chat.usecases import entitlement

_PEOPLE = """
SELECT p.conversation_id, array_agg(p.user_id ORDER BY p.id) AS people,
    bool_or(coalesce(a.disabled, false)) AS disabled
FROM participants p LEFT JOIN accounts a ON a.id = p.user_id
WHERE p.conversation_id = ANY ($1::uuid[]) GROUP BY 1 ORDER BY 1
"""
_LOCK = "SELECT status FROM conversations WHERE id = $1 FOR NO KEY UPDATE"
_SET = "UPDATE conversations SET status = $2, closed_reason = $3 WHERE id = $1"
_DUE = """
SELECT conversation_id FROM rechecks WHERE due_at <= now()
ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED
"""
_DONE = """
WITH spent AS (
    DELETE FROM rechecks WHERE conversation_id = ANY ($1::uuid[]) AND attempts_left <= 1
)
UPDATE rechecks SET attempts_left = attempts_left - 1, due_at = now() + interval '10 seconds'
WHERE conversation_id = ANY ($1::uuid[]) AND attempts_left > 1
"""

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Conversation:
    id: UUID
    people: tuple[UUID, ...]
    disabled: bool


async def recheck(
    transaction: Transaction, entitlements: Entitlements, ids: Sequence[UUID]
) -> None:
    """Bring the status of these conversations in line with who may chat now."""
    for start in range(0, len(ids), _AT_ONCE):
        await _recheck_some(transaction, entitlements, ids[start : start + _AT_ONCE])


async def _recheck_some(
    transaction: Transaction, entitlements: Entitlements, ids: Sequence[UUID]
) -> None:
    connection = transaction.connection
    found = [
        _Conversation(row["conversation_id"], tuple(row["people"]), row["disabled"])
        for row in await connection.fetch(_PEOPLE, ids)
    ]
    # A disabled account needs no question, so that it is shut out even while customer is away.
    answers = await entitlement.ask(entitlements, [one.people for one in found if not one.disabled])
    for one in found:
        if one.disabled:
            await _set(transaction, one.id, Status.CLOSED, "account_disabled")
        elif await entitlement.may_converse(connection, answers, one.people):
            await entitlement.keep_grounds(connection, answers, one.id, one.people)
            await _set(transaction, one.id, Status.OPEN, None)
        else:
            await _set(transaction, one.id, Status.CLOSED, "not_entitled")


async def _set(
    transaction: Transaction, conversation_id: UUID, status: Status, reason: str | None
) -> None:
    connection: asyncpg.Connection = transaction.connection
    if await connection.fetchval(_LOCK, conversation_id) == status.value:
        return
    await connection.execute(_SET, conversation_id, status.value, reason)
    transaction.publish(
        events.conversation_reopened(conversation_id)
        if reason is None
        else events.conversation_closed(conversation_id, reason)
    )


class RecheckDue:
    """The worker's job: ask again for conversations that an answer may have been early for."""

    def __init__(self, database: Database, entitlements: Entitlements) -> None:
        self._database = database
        self._entitlements = entitlements

    async def __call__(self) -> None:
        async with self._database.transaction() as transaction:
            rows = await transaction.connection.fetch(_DUE)
            ids = sorted(row["conversation_id"] for row in rows)
            if ids:
                await recheck(transaction, self._entitlements, ids)
                await transaction.connection.execute(_DONE, ids)
