"""A legal hold as its row tells it, and the ways in which it comes into being, ends and comes back.

Called by the use cases that place, release, restore and upsert holds: those decide, this writes the
row, the audit record and the event together, so that none can be forgotten.

A released hold protects for a grace more, in which it can be restored. Its end is fixed when it is
released: another setting later neither shortens nor prolongs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Transaction
from parlor_kit.ids import new_id

from parlor_chat.retention_errors import HoldNotFound
from parlor_chat.retention_events import hold_placed, hold_released, hold_restored
from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor

COLUMNS = """
id, source, resource_uid, matter, reason, placed_by, placed_at, released_at, released_by,
protects_until, orphaned_at
"""

_INSERT = f"""
INSERT INTO holds ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, NULL, NULL)
"""  # noqa: S608 - columns only

_RELEASE = f"""
UPDATE holds SET released_at = $2, released_by = $3, protects_until = $4
WHERE id = $1 AND released_at IS NULL RETURNING {COLUMNS}
"""  # noqa: S608 - columns only

# By the database's clock, as the question whether a hold still protects.
_RESTORE = f"""
UPDATE holds SET released_at = NULL, released_by = NULL, protects_until = NULL
WHERE id = $1 AND protects_until > clock_timestamp() RETURNING {COLUMNS}
"""  # noqa: S608 - columns only


_FIND = f"SELECT {COLUMNS} FROM holds WHERE id = $1 FOR UPDATE"  # noqa: S608 - columns only


class HoldState(StrEnum):
    """A released hold protects until its grace is over; an ended one does not."""

    ACTIVE = "active"
    RELEASED = "released"
    ENDED = "ended"


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
    protects_until: datetime | None
    orphaned_at: datetime | None

    @classmethod
    def new(
        cls, actor: Actor, *, matter: str, reason: str, resource_uid: UUID | None = None
    ) -> "LegalHold":
        """A hold that `actor` places now: for a resource, or else through the API."""
        return cls(
            id=new_id(),
            source=HoldSource.API if resource_uid is None else HoldSource.OPERATOR,
            resource_uid=resource_uid,
            matter=matter,
            reason=reason,
            placed_by=actor.name,
            placed_at=now(),
            released_at=None,
            released_by=None,
            protects_until=None,
            orphaned_at=None,
        )

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
            protects_until=row["protects_until"],
            orphaned_at=row["orphaned_at"],
        )

    @property
    def active(self) -> bool:
        return self.released_at is None

    @property
    def protects(self) -> bool:
        """Whether what it covers has to stay: it is active, or in its grace."""
        return self.active or (self.protects_until is not None and self.protects_until > now())

    @property
    def state(self) -> HoldState:
        if self.active:
            return HoldState.ACTIVE
        return HoldState.RELEASED if self.protects else HoldState.ENDED

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


async def find(connection: asyncpg.Connection, hold_id: UUID) -> LegalHold:
    """The hold, with its row locked until the end of the transaction.

    Raises:
        HoldNotFound: there is none.
    """
    row = await connection.fetchrow(_FIND, hold_id)
    if row is None:
        raise HoldNotFound()
    return LegalHold.of(row)


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
        matter=hold.matter,
        reason=hold.reason,
        details={
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
    transaction: Transaction,
    hold: LegalHold,
    actor: Actor,
    *,
    grace: timedelta,
    conversation_id: UUID | None = None,
    reason: str | None = None,
) -> LegalHold | None:
    """End the hold and tell of it; None when somebody else has just done so."""
    moment = now()
    until = moment + grace
    row = await transaction.connection.fetchrow(_RELEASE, hold.id, moment, actor.name, until)
    if row is None:
        return None
    await audit_trail.record(
        transaction.connection,
        "hold.released",
        actor,
        conversation_id=conversation_id,
        hold_id=hold.id,
        matter=hold.matter,
        reason=reason,
        details={
            "source": hold.source,
            "orphaned": hold.orphaned_at is not None,
            "protects_until": rfc3339(until),
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
            protects_until=until,
        )
    )
    return LegalHold.of(row)


async def restore(
    transaction: Transaction, hold: LegalHold, actor: Actor, *, reason: str
) -> LegalHold | None:
    """Let a released hold stand again and tell of it; None when its grace is over."""
    row = await transaction.connection.fetchrow(_RESTORE, hold.id)
    if row is None:
        return None
    await audit_trail.record(
        transaction.connection,
        "hold.restored",
        actor,
        hold_id=hold.id,
        matter=hold.matter,
        reason=reason,
        details={
            "source": hold.source,
            "orphaned": hold.orphaned_at is not None,
            "released_by": hold.released_by,
            "released_at": rfc3339(hold.released_at) if hold.released_at else None,
        },
    )
    transaction.publish(
        hold_restored(
            hold.id, source=hold.source, matter=hold.matter, restored_by=actor.name, at=now()
        )
    )
    return LegalHold.of(row)


def _conversation(hold: LegalHold, conversation_ids: Sequence[UUID]) -> UUID | None:
    return conversation_ids[0] if hold.source is HoldSource.API and conversation_ids else None
