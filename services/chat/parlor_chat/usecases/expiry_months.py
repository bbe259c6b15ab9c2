"""The months in which messages lie, as archive expiry goes through them; and months made ahead.

Used by `expiry_session` and `expiry_month`; the worker calls `make_months` from time to time, so
that messages always find their month. A month is a span of ids: see `migrations/0004_partitions`.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
from parlor_kit.database import Database

_MONTHS = """
SELECT month, next_month, first_id, end_id FROM message_months ORDER BY month
"""

# One month behind for what is under way at midnight, two ahead for whoever forgets the worker.
_MAKE = """
SELECT make_message_months(
    month_of(now() - interval '1 day'), (month_of(now()) + interval '2 months')::date
)
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A partition: of a month, or, without one, of what no month takes in."""

    month: date | None
    next_month: date | None
    first_id: UUID
    last_id: UUID

    @property
    def messages(self) -> str:
        return "messages" if self.month else "messages_default"

    @property
    def receipts(self) -> str:
        return "receipts" if self.month else "receipts_default"

    @property
    def place(self) -> date:
        """Where it comes in a run: what has no month is last."""
        return self.month or date.max


REST = Month(None, None, UUID(int=0), UUID(int=2**128 - 1))


async def all_months(connection: asyncpg.Connection) -> list[Month]:
    """Every month, oldest first, and at last what has none.

    Those of these days as well: what is due is said by `sent_at`, to which ids only come close.
    """
    months = [
        Month(row["month"], row["next_month"], row["first_id"], UUID(int=row["end_id"].int - 1))
        for row in await connection.fetch(_MONTHS)
    ]
    return [*months, REST]


async def make_months(database: Database) -> int:
    """Make the months that are missing; each is rarely more than a look."""
    async with database.connection() as connection:
        return int(await connection.fetchval(_MAKE))
