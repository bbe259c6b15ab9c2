"""What legal holds cover, asked at the moment of the question; nothing of it is ever copied.

A hold covers the conversations that it names and every conversation of its custodians. Expiry,
review and the operator's status all ask here, so they cannot disagree.

The order of a hold and an expiry batch is decided by one advisory lock, the gate: a batch takes it
alone and then reads the holds, whoever places a hold shares it with other holds until the commit.
So a hold that commits before a batch begins is seen by it, and one that comes during a batch waits
until the batch is over and then finds what is left. Sends and receipts never touch the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

GATE = 0x484F4C44  # "HOLD"

# One row a covered conversation and hold; `{conversations}` is an expression of type uuid[]. Each
# OFFSET 0 keeps the planner from starting at the other end, with all holds and all custodians.
COVERING = """
SELECT touching.conversation_id, touching.hold_id
FROM (
    SELECT conversation_id, hold_id FROM hold_conversations
    WHERE conversation_id = ANY ({conversations})
    UNION
    SELECT participant.conversation_id, custodian.hold_id
    FROM (
        SELECT conversation_id, user_id FROM participants
        WHERE conversation_id = ANY ({conversations}) OFFSET 0
    ) AS participant
    CROSS JOIN LATERAL (
        SELECT hold_id FROM hold_custodians WHERE user_id = participant.user_id OFFSET 0
    ) AS custodian
) AS touching
CROSS JOIN LATERAL (
    SELECT FROM holds WHERE id = touching.hold_id AND released_at IS NULL OFFSET 0
) AS standing
"""

_OF_CONVERSATION = """
SELECT hold.* FROM holds hold
WHERE hold.id IN (
    SELECT hold_id FROM hold_conversations WHERE conversation_id = $1
    UNION ALL
    SELECT custodian.hold_id
    FROM participants participant
    JOIN hold_custodians custodian ON custodian.user_id = participant.user_id
    WHERE participant.conversation_id = $1
)
ORDER BY hold.placed_at, hold.id
"""

_COUNTED = """
WITH covered AS (
    SELECT conversation.id FROM conversations conversation
    WHERE conversation.id IN (
        SELECT conversation_id FROM hold_conversations WHERE hold_id = $1
        UNION ALL
        SELECT participant.conversation_id
        FROM hold_custodians custodian
        JOIN participants participant ON participant.user_id = custodian.user_id
        WHERE custodian.hold_id = $1
    )
)
SELECT
    (SELECT count(*) FROM covered) AS conversations,
    (SELECT count(*) FROM messages WHERE conversation_id IN (SELECT id FROM covered)) AS messages
"""

_MISSING = """
SELECT named.conversation_id FROM hold_conversations named
LEFT JOIN conversations conversation ON conversation.id = named.conversation_id
WHERE named.hold_id = $1 AND conversation.id IS NULL
ORDER BY named.conversation_id
"""


@dataclass(frozen=True, slots=True)
class Covered:
    """How much a hold keeps at present, and which named conversations chat does not have."""

    conversations: int
    messages: int
    missing: Sequence[UUID]


async def enter_gate(connection: asyncpg.Connection) -> None:
    """Order this transaction, which places a hold, against the batches of a run."""
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", GATE)


async def holds_of(connection: asyncpg.Connection, conversation_id: UUID) -> list[asyncpg.Record]:
    """Every hold that covers or has covered the conversation, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(_OF_CONVERSATION, conversation_id)
    return rows


async def covered_by(connection: asyncpg.Connection, hold_id: UUID) -> Covered:
    """What the hold would keep as it stands now, whether released or not."""
    counted = await connection.fetchrow(_COUNTED, hold_id)
    missing = await connection.fetch(_MISSING, hold_id)
    return Covered(
        counted["conversations"],
        counted["messages"],
        [row["conversation_id"] for row in missing],
    )
