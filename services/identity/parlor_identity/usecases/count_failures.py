"""Counts a failed login and says whether it still got an answer.

Called by `log_in` and `change_password` after the hash has shown the password to be wrong. The
counters' rows are locked, in one order, before they are read: of failures that come out at the
same moment on any number of replicas, each sees all that were counted before it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from parlor_kit.database import Database

from parlor_identity.throttling import Attempt, Count, Throttling

_LOCKED = """
INSERT INTO login_throttles AS throttle (key, failures, failed_at, blocked_until)
SELECT key, 0, clock_timestamp(), NULL FROM unnest($1::text[]) AS key ORDER BY key
ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key
RETURNING key, failures, failed_at, blocked_until
"""
_WRITE = """
UPDATE login_throttles AS throttle
SET failures = counted.failures, failed_at = counted.failed_at,
    blocked_until = counted.blocked_until
FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::timestamptz[])
    AS counted(key, failures, failed_at, blocked_until)
WHERE throttle.key = counted.key
"""


async def count_failure(
    database: Database, throttling: Throttling, attempt: Attempt, deciding: Sequence[str]
) -> timedelta:
    """How long the attempt has to wait because a `deciding` counter was full before it; or zero."""
    async with database.transaction() as transaction:
        rows = await transaction.connection.fetch(_LOCKED, sorted(attempt.keys.values()))
        at: datetime = await transaction.connection.fetchval("SELECT clock_timestamp()")
        before = {
            row["key"]: Count(row["failures"], row["failed_at"], row["blocked_until"])
            for row in rows
        }
        after = {
            key: count.after_failure(throttling.rule(key), at) for key, count in before.items()
        }
        await transaction.connection.execute(
            _WRITE,
            list(after),
            [count.failures for count in after.values()],
            [count.failed_at for count in after.values()],
            [count.blocked_until for count in after.values()],
        )
    return max(before[key].blocked(at) for key in deciding)
