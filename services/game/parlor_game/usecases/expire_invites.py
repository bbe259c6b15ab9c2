"""Expire invites that nobody answered in time. A job of the worker; safe in every replica."""

from parlor_kit.clock import now
from parlor_kit.database import Database

from parlor_game import events
from parlor_game.usecases.find_invite import find_invites

_BATCH = 100
_DUE = """
SELECT id FROM invites WHERE status = 'pending' AND expires_at <= $1
ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_EXPIRE = "UPDATE invites SET status = 'expired' WHERE id = $1"


async def expire_invites(database: Database) -> int:
    """Mark what is due and tell of each; the number of invites that expired."""
    total = 0
    while True:
        async with database.transaction() as transaction:
            connection = transaction.connection
            due = await connection.fetch(_DUE, now(), _BATCH)
            for found in (await find_invites(connection, [row["id"] for row in due])).values():
                await connection.execute(_EXPIRE, found.id)
                transaction.publish(
                    events.invite_expired(found.id, found.game, found.inviter_id, found.invitee_ids)
                )
        total += len(due)
        if len(due) < _BATCH:
            return total
