"""Whether anybody concerned by a table is known to be disabled, decided against the news of it.

Customer may learn of a disabled account after us, so what it says of a table is not enough. The
use cases that invite and that deal ask here in their transaction, and the reaction to an account
takes the same lock: a game is refused by what we know, or found and forfeited by the news. The
lock comes before that of any invite or game, so that the two never wait for each other.
"""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from parlor_game.ports import Circles

_CLASS = "x'4143434F'::int"
_HOLD = f"""
SELECT pg_advisory_xact_lock_shared({_CLASS}, key) FROM (
    SELECT DISTINCT hashtext(id::text) AS key FROM unnest($1::uuid[]) AS id ORDER BY key
) AS in_one_order
"""  # noqa: S608
_CHANGE = f"SELECT pg_advisory_xact_lock({_CLASS}, hashtext($1::uuid::text))"
_DISABLED = """
SELECT EXISTS (SELECT 1 FROM disabled_accounts WHERE disabled AND user_id = ANY($1::uuid[]))
"""


async def any_disabled(
    connection: asyncpg.Connection, people: Iterable[UUID], circles: Circles
) -> bool:
    """Whether one of these people, or of those on whom their right to meet rests, is disabled.

    It stays as it is said until the transaction ends.
    """
    distributors = {one for each in circles.values() for one in each}
    concerned = list({*people, *distributors})
    await connection.execute(_HOLD, concerned)
    # A statement of its own: it sees what whoever held the lock before has written.
    return bool(await connection.fetchval(_DISABLED, concerned))


async def about_to_change(connection: asyncpg.Connection, user_id: UUID) -> None:
    """Wait for tables that are being made with this account, and let others wait for us."""
    await connection.execute(_CHANGE, user_id)
