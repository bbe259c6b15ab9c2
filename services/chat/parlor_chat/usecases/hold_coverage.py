"""What legal holds cover, asked at the moment of the question; nothing of it is ever copied.

A hold covers the conversations that it names and every conversation of its custodians; a case that
is not closed covers that of its message. A released hold covers the same until its grace is over.
Expiry, erasure, review and the operator's status all ask here, so they cannot disagree.

The order of a hold and an expiry batch is decided by one advisory lock, the gate: a batch takes it
alone and then reads the holds, whoever places a hold shares it with other holds until the commit.
So a hold that commits before a batch begins is seen by it, and one that comes during a batch waits
until the batch is over and then finds what is left. Sends and receipts never touch the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

GATE = 0x484F4C44  # "HOLD"

# One row a covered conversation and hold, or case; `{conversations}` is an expression of type
# uuid[]. Each OFFSET 0 keeps the planner from starting at the other end, with all holds and all
# custodians.
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
    SELECT FROM holds
    WHERE id = touching.hold_id AND (released_at IS NULL OR protects_until > now()) OFFSET 0
) AS standing
UNION ALL
SELECT conversation_id, id FROM cases
WHERE conversation_id = ANY ({conversations}) AND state <> 'closed'
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
    count(*) AS messages,
    {measured}
FROM messages WHERE conversation_id IN (SELECT id FROM covered)
"""

# What somebody looks at once in a while, and the operator does not ask for each minute.
_UNMEASURED = "0::bigint AS size, NULL::timestamptz AS oldest, NULL::timestamptz AS newest"
_MEASURED = """coalesce(sum(octet_length(body)), 0)::bigint AS size,
    min(sent_at) AS oldest, max(sent_at) AS newest"""

_HELD = f"""
SELECT DISTINCT conversation_id FROM ({COVERING.format(conversations="$1::uuid[]")}) AS covering
"""  # noqa: S608 - a constant

_MISSING = """
SELECT named.conversation_id FROM hold_conversations named
LEFT JOIN conversations conversation ON conversation.id = named.conversation_id
WHERE named.hold_id = $1 AND conversation.id IS NULL
ORDER BY named.conversation_id
"""


@dataclass(frozen=True, slots=True)
class Covered:
    """How much a hold keeps at present, and which named conversations chat does not have.

    `size` is what the texts take in bytes, as they were sent; it, `oldest` and `newest` are there
    where they were asked for.
    """

    conversations: int
    messages: int
    missing: Sequence[UUID]
    size: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None


async def enter_gate(connection: asyncpg.Connection) -> None:
    """Order this transaction, which places a hold, against the batches of a run."""
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", GATE)


async def enter_gate_alone(connection: asyncpg.Connection) -> None:
    """Keep holds and cases from being placed until this transaction, which deletes, is over.

    What `held_among` says after this stays true until then.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", GATE)


async def held_among(connection: asyncpg.Connection, conversation_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the conversations of which nothing may be deleted now, by nobody and by no route.

    A hold by conversation or custodian keeps them, one in its release grace, or an open case.
    Whoever deletes has to enter the gate alone before asking.
    """
    rows = await connection.fetch(_HELD, list(conversation_ids))
    return {row["conversation_id"] for row in rows}


async def is_held(connection: asyncpg.Connection, conversation_id: UUID) -> bool:
    """Whether nothing of this conversation may be deleted now; see `held_among`."""
    return conversation_id in await held_among(connection, [conversation_id])


async def holds_of(connection: asyncpg.Connection, conversation_id: UUID) -> list[asyncpg.Record]:
    """Every hold that covers or has covered the conversation, oldest first."""
    rows: list[asyncpg.Record] = await connection.fetch(_OF_CONVERSATION, conversation_id)
    return rows


async def scope_of(
    connection: asyncpg.Connection, hold_id: UUID
) -> tuple[Sequence[UUID], Sequence[UUID]]:
    """The conversations and the custodians that the hold names, each in order of id."""
    named = await connection.fetch(
        "SELECT conversation_id FROM hold_conversations WHERE hold_id = $1 ORDER BY 1", hold_id
    )
    custodians = await connection.fetch(
        "SELECT user_id FROM hold_custodians WHERE hold_id = $1 ORDER BY 1", hold_id
    )
    return [row["conversation_id"] for row in named], [row["user_id"] for row in custodians]


async def covered_by(
    connection: asyncpg.Connection, hold_id: UUID, *, measured: bool = False
) -> Covered:
    """What the hold would keep as it stands now, whether released or not."""
    query = _COUNTED.format(measured=_MEASURED if measured else _UNMEASURED)
    counted = await connection.fetchrow(query, hold_id)
    missing = await connection.fetch(_MISSING, hold_id)
    return Covered(
        counted["conversations"],
        counted["messages"],
        [row["conversation_id"] for row in missing],
        counted["size"],
        counted["oldest"],
        counted["newest"],
    )
