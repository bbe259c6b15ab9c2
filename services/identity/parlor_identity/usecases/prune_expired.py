"""Forgets what is over: sessions, refresh tokens, counters of failures, addresses.

Run by the worker. Deletes in small batches, so that no login ever waits for it.
"""

from parlor_kit import logs
from parlor_kit.database import Database

log = logs.get("prune")

_BATCH = 1000
# A session that was ended stays for a week, so that a thief's late refresh is still called so.
_OVER = {
    "refresh_tokens": "expires_at < now()",
    "sessions": "expires_at < now() OR ended_at < now() - interval '7 days'",
    "login_throttles": "failed_at < now() - interval '1 day'",
    "known_addresses": "last_seen_at < now() - interval '90 days'",
}


class PruneExpired:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> dict[str, int]:
        """How many rows went, by table."""
        gone = {}
        for table, over in _OVER.items():
            gone[table] = 0
            while True:
                async with self._database.connection() as connection:
                    count = await connection.fetchval(
                        f"WITH gone AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608
                        f"SELECT ctid FROM {table} WHERE {over} LIMIT $1 FOR UPDATE SKIP LOCKED)) "
                        "RETURNING 1) SELECT count(*) FROM gone",
                        _BATCH,
                    )
                gone[table] += count
                if count < _BATCH:
                    break
        log.info("prune.done", **gone)
        return gone
