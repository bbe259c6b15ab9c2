"""Lists and gives back what the relay set aside: outbox rows that no broker or consumer could take.

Part of `python -m parlor_<service> dead-letters list|replay`. A row that is given back is sent by
the relay like any other, after those of its stream that went in the meantime; one whose fault is
still there is parked again.
"""

import asyncpg

from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.dead_letters import DeadLetter

_COLUMNS = "id, topic, key, time, error"
_WAITING = f"SELECT {_COLUMNS} FROM outbox WHERE error IS NOT NULL ORDER BY id"  # noqa: S608
_GIVE_BACK = f"""
WITH given AS (SELECT {_COLUMNS} FROM outbox WHERE error IS NOT NULL FOR UPDATE),
back AS (UPDATE outbox SET error = NULL FROM given WHERE outbox.id = given.id)
SELECT {_COLUMNS} FROM given, pg_notify('outbox', '') ORDER BY id
"""  # noqa: S608 - columns only


class ParkedEvents:
    """The parked rows of a service's outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> list[DeadLetter]:
        """Rows that were set aside, oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_WAITING)
        return [_describe(row, "parked") for row in rows]

    async def give_back(self) -> list[DeadLetter]:
        """Let the relay try all of them again; they are named with the error they had."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_GIVE_BACK)
        return [_describe(row, "given back to the relay") for row in rows]


def _describe(row: asyncpg.Record, outcome: str) -> DeadLetter:
    return DeadLetter(
        topic=f"outbox of {row['topic']}",
        offset=row["id"],
        key=row["key"],
        error=row["error"],
        failed_at=rfc3339(row["time"]),
        outcome=outcome,
    )
