"""List the invites that a user made or got: those still open first, then the newest."""

from collections.abc import Sequence
from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database
from parlor_kit.pages import decode_cursor, encode_cursor

from parlor_game.usecases.find_invite import FoundInvite, find_invites

# An invite that closes between two pages moves to the later part: it may come twice, never not.
_IDS = """
SELECT id, open FROM (
    SELECT i.id, (i.status = 'pending' AND i.expires_at > $2) AS open
    FROM invites i JOIN (
        SELECT id FROM invites WHERE inviter_id = $1
        UNION SELECT invite_id FROM invitees WHERE user_id = $1
    ) AS mine USING (id)
) AS found
WHERE $3::boolean IS NULL OR (open, id) < ($3, $4::uuid)
ORDER BY open DESC, id DESC
LIMIT $5
"""


class ListInvites:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, user_id: UUID, limit: int, cursor: str | None
    ) -> tuple[Sequence[FoundInvite], str | None]:
        after_open, after_id = _position(cursor)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_IDS, user_id, now(), after_open, after_id, limit + 1)
            ids = [row["id"] for row in rows[:limit]]
            found = await find_invites(connection, ids)
        last = rows[limit - 1] if len(rows) > limit else None
        return (
            [found[invite_id] for invite_id in ids],
            encode_cursor(int(last["open"]), last["id"]) if last else None,
        )


def _position(cursor: str | None) -> tuple[bool | None, UUID | None]:
    if cursor is None:
        return None, None
    is_open, last_id = decode_cursor(cursor, int, UUID)
    return bool(is_open), last_id
