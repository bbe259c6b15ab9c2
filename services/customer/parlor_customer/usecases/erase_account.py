"""Reaction to an erased account: its relationships end, and nothing here says who it was.

The row of the account stays as a nobody of a later version, so that an event that comes late, or is
replayed, cannot bring the name back. Ended relationships stay under the account's number, as they
are the other party's past too. What was done goes out as `relationship.party_erased`.
"""

from datetime import datetime
from uuid import UUID

import asyncpg
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.events import Event

from parlor_customer.events import party_erased, relationship_ended
from parlor_customer.models import Relationship
from parlor_customer.usecases.customer_lock import lock_customer

NOBODY = "Erased account"

_ADDRESS = "SELECT email FROM accounts WHERE id = $1 FOR UPDATE"

_ERASE = """
INSERT INTO accounts (id, email, display_name, role, status, version)
VALUES ($1, '', $2, $3, 'disabled', $4)
ON CONFLICT (id) DO UPDATE SET
    email = '', display_name = excluded.display_name, status = excluded.status,
    version = greatest(accounts.version, excluded.version)
"""

_OPEN = """
SELECT id, customer_id FROM relationships
WHERE ended_at IS NULL AND (customer_id = $1 OR distributor_id = $1) ORDER BY customer_id
"""

_KEPT = "SELECT count(*) FROM relationships WHERE customer_id = $1 OR distributor_id = $1"

# What cannot be used any more needs no revocation; an address that is gone would let anybody in.
# An invite for one person, by its address or because it took one, has a note about that person.
_EMPTY = """
WITH concerned AS (
    SELECT id, revoked_at IS NULL AND uses < max_uses AND expires_at > $3 AS usable
    FROM invites
    WHERE distributor_id = $1 OR email = nullif($2, '')
        OR (email IS NOT NULL OR max_uses = 1) AND id IN (
            SELECT invite_id FROM relationships WHERE customer_id = $1
        )
    FOR UPDATE
), emptied AS (
    UPDATE invites SET email = NULL, note = NULL,
        revoked_at = CASE WHEN usable THEN $3 ELSE revoked_at END
    FROM concerned WHERE invites.id = concerned.id
    RETURNING invites.id, usable
), forgotten AS (
    DELETE FROM idempotency_records WHERE object_id IN (SELECT id FROM concerned)
)
SELECT count(*) FILTER (WHERE usable) AS revoked, count(*) AS emptied FROM emptied
"""


async def erase_account(transaction: Transaction, event: Event) -> None:
    """Erase what is known of the account; doing it again finds nothing left to do."""
    connection, moment = transaction.connection, now()
    account_id = UUID(event.data["account_id"])
    # Locks in the order of a redemption: the customers first, then the account.
    await lock_customer(transaction, account_id)
    for row in await connection.fetch(_OPEN, account_id):
        await lock_customer(transaction, row["customer_id"])
    address = await connection.fetchval(_ADDRESS, account_id)
    await connection.execute(_ERASE, account_id, NOBODY, event.data["role"], event.data["version"])
    ended = await _end_relationships(transaction, account_id, moment)
    invites: asyncpg.Record = await connection.fetchrow(_EMPTY, account_id, address, moment)
    transaction.publish(
        party_erased(
            account_id,
            relationships_ended=ended,
            relationships_kept=await connection.fetchval(_KEPT, account_id),
            invites_revoked=invites["revoked"],
            invites_emptied=invites["emptied"],
            at=moment,
        )
    )


async def _end_relationships(transaction: Transaction, account_id: UUID, moment: datetime) -> int:
    """End them one by one under the lock of their customer, as anybody else would."""
    ended = 0
    for row in await transaction.connection.fetch(_OPEN, account_id):
        await lock_customer(transaction, row["customer_id"])
        relationship = await Relationship.get(id=row["id"])
        if relationship.ended_at is not None:
            continue
        relationship.ended_at, relationship.ended_by = moment, account_id
        await relationship.save(update_fields=["ended_at", "ended_by"])
        transaction.publish(relationship_ended(relationship, moment))
        ended += 1
    return ended
