"""Who waits for a lock: how tests know that somebody has come as far as where he has to wait.

The locks of the whole server are in `pg_locks`, and its other databases belong to other tests.
"""

from __future__ import annotations

import asyncpg

# Not by the lock's own database, since the lock of a row is that of a transaction and has none.
HERE = "pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"


async def waits(rows: asyncpg.Connection, *kinds: str) -> bool:
    """Whether a session of this database waits for a lock, of these kinds if any is given."""
    return bool(
        await rows.fetchval(
            f"SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND {HERE} "
            "AND (cardinality($1::text[]) = 0 OR locktype = ANY ($1)))",
            kinds,
        )
    )


async def waits_at_the_gate(rows: asyncpg.Connection) -> bool:
    """Whether a hold or whoever deletes waits for the other: it is by advisory locks."""
    return await waits(rows, "advisory")


async def waits_for_a_row(rows: asyncpg.Connection) -> bool:
    """Whether somebody waits until another transaction is over."""
    return await waits(rows, "transactionid", "tuple")
