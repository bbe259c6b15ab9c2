"""The hold that a LegalHold resource asks for: placed, grown, released, orphaned, reported.

Called by the operator through the internal routes, keyed by the uid of the resource; every call may
be repeated. A hold only ever covers more until it is released as a whole. Conversations that chat
does not have are named in the answer, and the rest is held all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction

from parlor_chat.retention_errors import (
    HoldNotFound,
    HoldOnlyGrows,
    HoldOrphaned,
    HoldReleased,
    MatterImmutable,
)
from parlor_chat.usecases import audit_trail, hold_coverage, legal_holds
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.hold_coverage import Covered
from parlor_chat.usecases.legal_holds import LegalHold


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """What a LegalHold resource says at present."""

    matter: str
    reason: str
    conversation_ids: Sequence[UUID]
    custodian_ids: Sequence[UUID]
    released: bool


@dataclass(frozen=True, slots=True)
class HoldReport:
    """The hold of a resource, and what it keeps at present: nothing once it is released."""

    hold: LegalHold
    covered: Covered
    placed: bool = False  # by the call that gave this report


class UpsertHold:
    """Makes the hold of a resource what the resource says."""

    def __init__(self, database: Database, grace: timedelta) -> None:
        self._database = database
        self._grace = grace

    async def __call__(self, actor: Actor, resource_uid: UUID, order: HoldOrder) -> HoldReport:
        """Place the hold, let it grow, or release it.

        Raises:
            MatterImmutable, HoldOnlyGrows, HoldReleased, HoldOrphaned: what the resource says now
                is not what may follow on what it said before.
        """
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await hold_coverage.enter_gate(connection)
            await connection.execute(_ONE_AT_A_TIME, str(resource_uid))
            known = await _find(connection, resource_uid)
            if known is None:
                hold = await self._place(transaction, actor, resource_uid, order)
            else:
                hold = known
                await self._grow(transaction, actor, hold, order)
                await self._reword(transaction, actor, hold, order)
            if order.released and hold.active:
                ended = await legal_holds.release(transaction, hold, actor, grace=self._grace)
                hold = ended or hold
            return await _report(connection, hold, placed=known is None)

    async def _place(
        self, transaction: Transaction, actor: Actor, resource_uid: UUID, order: HoldOrder
    ) -> LegalHold:
        hold = LegalHold.new(
            actor, matter=order.matter, reason=order.reason, resource_uid=resource_uid
        )
        await legal_holds.insert(transaction.connection, hold)
        await legal_holds.extend(
            transaction,
            hold,
            actor,
            conversation_ids=_sorted(order.conversation_ids),
            custodian_ids=_sorted(order.custodian_ids),
            action="hold.placed",
        )
        return hold

    async def _grow(
        self, transaction: Transaction, actor: Actor, hold: LegalHold, order: HoldOrder
    ) -> None:
        if hold.matter != order.matter:
            raise MatterImmutable()
        if hold.orphaned_at is not None:
            raise HoldOrphaned()
        if not hold.active and not order.released:
            raise HoldReleased()
        scope = await hold_coverage.scope_of(transaction.connection, hold.id)
        named, custodians = set(scope[0]), set(scope[1])
        if not (named <= set(order.conversation_ids) and custodians <= set(order.custodian_ids)):
            raise HoldOnlyGrows()
        more = _sorted(set(order.conversation_ids) - named)
        more_custodians = _sorted(set(order.custodian_ids) - custodians)
        if more or more_custodians:
            if not hold.active:
                raise HoldReleased()
            await legal_holds.extend(
                transaction,
                hold,
                actor,
                conversation_ids=more,
                custodian_ids=more_custodians,
                action="hold.extended",
            )

    async def _reword(
        self, transaction: Transaction, actor: Actor, hold: LegalHold, order: HoldOrder
    ) -> None:
        """Take over another reason, while the hold stands; the one before stays on record."""
        if hold.reason == order.reason or not hold.active:
            return
        await transaction.connection.execute(
            "UPDATE holds SET reason = $2 WHERE id = $1", hold.id, order.reason
        )
        await audit_trail.record(
            transaction.connection,
            "hold.reworded",
            actor,
            hold_id=hold.id,
            matter=hold.matter,
            reason=order.reason,
            details={"before": hold.reason},
        )


class OrphanHold:
    """Marks the hold of a deleted resource: it stays, and an admin may release it from then on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, actor: Actor, resource_uid: UUID) -> HoldReport:
        """The hold as it stands; a released one needs no mark.

        Raises:
            HoldNotFound: no hold was ever placed for this resource.
        """
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            await connection.execute(_ONE_AT_A_TIME, str(resource_uid))
            hold = await _find(connection, resource_uid)
            if hold is None:
                raise HoldNotFound()
            if hold.active and hold.orphaned_at is None:
                await connection.execute(
                    "UPDATE holds SET orphaned_at = $2 WHERE id = $1", hold.id, now()
                )
                await audit_trail.record(
                    connection,
                    "hold.orphaned",
                    actor,
                    hold_id=hold.id,
                    matter=hold.matter,
                )
                hold = await _find(connection, resource_uid) or hold
            return await _report(connection, hold)


class ReportHold:
    """Says how the hold of a resource stands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, resource_uid: UUID) -> HoldReport:
        """The hold and what it keeps.

        Raises:
            HoldNotFound: no hold was ever placed for this resource.
        """
        async with self._database.transaction() as transaction:
            hold = await _find(transaction.connection, resource_uid)
            if hold is None:
                raise HoldNotFound()
            return await _report(transaction.connection, hold)


# A resource's calls follow on each other, also while its hold has no row to lock yet.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('legal-hold ' || $1::text, 0))"


async def _find(connection: asyncpg.Connection, resource_uid: UUID) -> LegalHold | None:
    row = await connection.fetchrow(
        f"SELECT {legal_holds.COLUMNS} FROM holds WHERE resource_uid = $1 FOR UPDATE",  # noqa: S608
        resource_uid,
    )
    return None if row is None else LegalHold.of(row)


async def _report(
    connection: asyncpg.Connection, hold: LegalHold, *, placed: bool = False
) -> HoldReport:
    covered = await hold_coverage.covered_by(connection, hold.id)
    if not hold.active:
        covered = Covered(0, 0, covered.missing)
    return HoldReport(hold, covered, placed)


def _sorted(ids: Sequence[UUID] | set[UUID]) -> list[UUID]:
    return sorted(set(ids))
