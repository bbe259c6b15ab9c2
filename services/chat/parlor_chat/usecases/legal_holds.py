"""A legal hold as its row tells it, and the two ways in which it comes into being and ends.

Called by the use cases that place, release and upsert holds: those decide, this writes the row, the
audit record and the event together, so that none can be forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from parlor_kit.clock import now
from parlor_kit.database import Transaction

from parlor_chat.retention_events import hold_placed, hold_released
from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor

COLUMNS = """
id, source, resource_uid, matter, reason, placed_by, placed_at, released_at, released_by,
orphaned_at
"""

_INSERT = f"""
INSERT INTO holds ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, NULL)
"""  # noqa: S608 - columns only

_RELEASE = f"""
UPDATE holds SET released_at = $2, released_by = $3
WHERE id = $1 AND released_at IS NULL RETURNING {COLUMNS}
"""  # noqa: S608 - columns only


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A row of `holds`."""

    id: UUID
    source: HoldSource
    resource_uid: UUID | None
    matter: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_at: datetime | None
    released_by: str | None
    orphaned_at: datetime | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> "LegalHold":
        return cls(
            id=row["id"],
            source=HoldSource(row["source"]),
            resource_uid=row["resource_uid"],
            matter=row["matter"],
            reason=row["reason"],
            placed_by=row["placed_by"],
            placed_at=row["placed_at"],
            released_at=row["released_at"],
            released_by=row["released_by"],
            orphaned_at=row["orphaned_at"],
        )

    @property
    def active(self) -> bool:
        return self.released_at is None

    @property
    def managed_by_operator(self) -> bool:
        """Its resource exists and says when it ends."""
        return self.source is HoldSource.OPERATOR and self.orphaned_at is None


async def insert(connection: asyncpg.Connection, hold: LegalHold) -> None:
    await connection.execute(
        _INSERT,
        hold.id,
        hold.source,
        hold.resource_uid,
        hold.matter,
        hold.reason,
        hold.placed_by,
        hold.placed_at,
    )


async def extend(
    transaction: Transaction,
    hold: LegalHold,
    actor: Actor,
    *,
    conversation_ids: Sequence[UUID],
    custodian_ids: Sequence[UUID],
    action: str,
) -> None:
    """Let the hold cover these as well, and tell of it."""
    connection = transaction.connection
    await connection.execute(
        "INSERT INTO hold_conversations (hold_id, conversation_id) SELECT $1, unnest($2::uuid[])",
        hold.id,
        conversation_ids,
    )
    await connection.execute(
        "INSERT INTO hold_custodians (hold_id, user_id) SELECT $1, unnest($2::uuid[])",
        hold.id,
        custodian_ids,
    )
    await audit_trail.record(
        connection,
        action,
        actor,
        conversation_id=_conversation(hold, conversation_ids),
        hold_id=hold.id,
        reason=hold.reason,
        details={
            "matter": hold.matter,
            "source": hold.source,
            "conversation_ids": [str(each) for each in conversation_ids],
            "custodian_ids": [str(each) for each in custodian_ids],
        },
    )
    transaction.publish(
        hold_placed(
            hold.id,
            source=hold.source,
            matter=hold.matter,
            conversation_ids=conversation_ids,
            custodian_ids=custodian_ids,
            placed_by=actor.name,
            at=now(),
        )
    )


async def release(
    transaction: Transaction, hold: LegalHold, actor: Actor, *, conversation_id: UUID | None = None
) -> LegalHold | None:
    """End the hold and tell of it; None when somebody else has just done so."""
    moment = now()
    row = await transaction.connection.fetchrow(_RELEASE, hold.id, moment, actor.name)
    if row is None:
        return None
    await audit_trail.record(
        transaction.connection,
        "hold.released",
        actor,
        conversation_id=conversation_id,
        hold_id=hold.id,
        details={
            "matter": hold.matter,
            "source": hold.source,
            "orphaned": hold.orphaned_at is not None,
        },
    )
    by_api = hold.source is HoldSource.API and conversation_id is not None
    transaction.publish(
        hold_released(
            hold.id,
            key=conversation_id if by_api and conversation_id else hold.id,
            source=hold.source,
            matter=hold.matter,
            released_by=actor.name,
            at=moment,
        )
    )
    return LegalHold.of(row)


def _conversation(hold: LegalHold, conversation_ids: Sequence[UUID]) -> UUID | None:
    return conversation_ids[0] if hold.source is HoldSource.API and conversation_ids else None
