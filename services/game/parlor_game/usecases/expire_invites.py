"""Expire invites that nobody answered in time. A job of the worker; safe in every replica."""

from parlor_kit.clock import now
from parlor_kit.database import Database

from parlor_game import events
from parlor_game.usecases.find_invite import EXPIRED, find_invite

_BATCH = 100
_DUE = """
SELECT id FROM invites WHERE status = 'pending' AND expires_at <= $1
ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def expire_invites(database: Database) -> int:
    """Mark what is due and tell of each; the number of invites that expired."""
    total = 0
    while True:
        async with database.transaction() as transaction:
            due = await transaction.connection.fetch(_DUE, now(), _BATCH)
            for row in due:
                found = await find_invite(row["id"])
                if found is None:
                    continue
                found.invite.status = EXPIRED
                await found.invite.save(update_fields=["status"])
                transaction.publish(
                    events.invite_expired(
                        found.invite.id,
                        found.invite.game,
                        found.invite.inviter_id,
                        found.invitee_ids,
                    )
                )
        total += len(due)
        if len(due) < _BATCH:
            return total
