"""Who may chat and play with whom: the one decision of it on the platform, in one query.

Called by `api.entitlements` for users and for chat and game. Two people are entitled while one is
the active distributor of the other, or both are active customers of one distributor, and neither
is disabled; a disabled distributor entitles nobody. An account that no event has told of yet is
not held to be disabled: its relationships could not exist unless identity had vouched for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database

_DECIDE = """
SELECT direct.distributor_id AS direct, shared.distributor_id AS shared
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS pair (a, b, place)
LEFT JOIN LATERAL (
    SELECT NOT EXISTS (
        SELECT FROM accounts WHERE id IN (pair.a, pair.b) AND status = 'disabled'
    ) AND pair.a <> pair.b AS fit
) both_of ON true
LEFT JOIN LATERAL (
    SELECT r.distributor_id FROM relationships r
    WHERE both_of.fit AND r.ended_at IS NULL
      AND (r.distributor_id, r.customer_id) IN ((pair.a, pair.b), (pair.b, pair.a))
    LIMIT 1
) direct ON true
LEFT JOIN LATERAL (
    SELECT one.distributor_id
    FROM relationships one
    JOIN relationships other USING (distributor_id)
    WHERE both_of.fit AND direct.distributor_id IS NULL
      AND one.customer_id = pair.a AND one.ended_at IS NULL
      AND other.customer_id = pair.b AND other.ended_at IS NULL
      AND NOT EXISTS (
          SELECT FROM accounts WHERE id = one.distributor_id AND status = 'disabled'
      )
    ORDER BY one.distributor_id LIMIT 1
) shared ON true
ORDER BY pair.place
"""


class Reason(StrEnum):
    """Why two people are entitled."""

    DISTRIBUTOR_AND_CUSTOMER = "distributor_and_customer"
    SAME_DISTRIBUTOR = "same_distributor"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The decision on one pair; `distributor_id` is who it rests on."""

    first_user_id: UUID
    second_user_id: UUID
    reason: Reason
    distributor_id: UUID | None
    checked_at: datetime

    @property
    def entitled(self) -> bool:
        return self.reason is not Reason.NONE


class CheckEntitlement:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, pairs: Sequence[tuple[UUID, UUID]]) -> list[Entitlement]:
        """One decision a pair, in their order, all of the same moment."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _DECIDE, [first for first, _ in pairs], [second for _, second in pairs]
            )
        moment = now()
        return [
            Entitlement(first, second, *_reason(row["direct"], row["shared"]), moment)
            for (first, second), row in zip(pairs, rows, strict=True)
        ]


def _reason(direct: UUID | None, shared: UUID | None) -> tuple[Reason, UUID | None]:
    if direct is not None:
        return Reason.DISTRIBUTOR_AND_CUSTOMER, direct
    if shared is not None:
        return Reason.SAME_DISTRIBUTOR, shared
    return Reason.NONE, None
