"""One writer at a time for the relationships of a customer.

Taken first in every transaction that starts or ends one. It makes two redemptions by the same
customer see each other, and keeps the events of a customer in the order of their commits, which
is what the key of `customer.events` promises.
"""

from uuid import UUID

from parlor_kit.database import Transaction


async def lock_customer(transaction: Transaction, customer_id: UUID) -> None:
    """Wait for other writers of this customer; held until the transaction ends."""
    await transaction.connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(customer_id)
    )
