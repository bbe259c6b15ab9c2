"""Legal holds as moderators and admins look them up: searched by matter, or one with its counts.

Called by the moderation API, which records each look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parlor_kit.database import Database

from parlor_chat.retention_errors import HoldNotFound
from parlor_chat.retention_models import HoldSource
from parlor_chat.usecases import hold_coverage
from parlor_chat.usecases.hold_coverage import Covered
from parlor_chat.usecases.legal_holds import COLUMNS, HoldState, LegalHold

_ONE = f"SELECT {COLUMNS} FROM holds WHERE id = $1"  # noqa: S608 - columns only

_STATES = {
    HoldState.ACTIVE: "released_at IS NULL",
    HoldState.RELEASED: "protects_until > now()",
    HoldState.ENDED: "released_at IS NOT NULL AND NOT coalesce(protects_until > now(), false)",
}

_COVERS = """
id IN (
    SELECT hold_id FROM hold_conversations WHERE conversation_id = {0}
    UNION ALL
    SELECT custodian.hold_id FROM participants participant
    JOIN hold_custodians custodian ON custodian.user_id = participant.user_id
    WHERE participant.conversation_id = {0}
)
"""


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """What somebody looks for; `matter` is a part of it, in any case of letters."""

    matter: str | None = None
    state: HoldState | None = None
    source: HoldSource | None = None
    conversation_id: UUID | None = None
    custodian_id: UUID | None = None

    def clauses(self) -> tuple[list[str], list[Any]]:
        """SQL conditions, and the values of their places from $1 on."""
        conditions: list[str] = []
        values: list[Any] = []
        for condition, value in (
            ("position(lower({0}) IN lower(matter)) > 0", self.matter),
            ("source = {0}", self.source),
            (_COVERS, self.conversation_id),
            (
                "id IN (SELECT hold_id FROM hold_custodians WHERE user_id = {0})",
                self.custodian_id,
            ),
        ):
            if value is not None:
                values.append(value)
                conditions.append(condition.format(f"${len(values)}"))
        if self.state is not None:
            conditions.append(_STATES[self.state])
        return conditions, values


@dataclass(frozen=True, slots=True)
class HoldScope:
    """A hold with everything that it names, and what it keeps at present."""

    hold: LegalHold
    conversation_ids: Sequence[UUID]
    custodian_ids: Sequence[UUID]
    covered: Covered


class ReadHolds:
    """Reads holds, of the API and of resources alike."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: HoldFilter, *, before: UUID | None, limit: int
    ) -> Sequence[LegalHold]:
        """Holds that fit, those placed last first, from the one after `before`."""
        conditions, values = wanted.clauses()
        if before is not None:
            values.append(before)
            conditions.append(f"id < ${len(values)}")
        query = (
            f"SELECT {COLUMNS} FROM holds WHERE {' AND '.join(conditions) or 'true'} "  # noqa: S608
            f"ORDER BY id DESC LIMIT {int(limit)}"
        )
        async with self._database.connection() as connection:
            return [LegalHold.of(row) for row in await connection.fetch(query, *values)]

    async def one(self, hold_id: UUID) -> HoldScope:
        """The hold with its counts; one that protects no more keeps nothing.

        Raises:
            HoldNotFound: there is none.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ONE, hold_id)
            if row is None:
                raise HoldNotFound()
            hold = LegalHold.of(row)
            named, custodians = await hold_coverage.scope_of(connection, hold_id)
            covered = await hold_coverage.covered_by(connection, hold_id, measured=True)
        if not hold.protects:
            covered = Covered(0, 0, covered.missing)
        return HoldScope(hold, named, custodians, covered)
