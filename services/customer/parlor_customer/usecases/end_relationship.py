"""One of the two ends a relationship. Called by `api.relationships`.

The event leaves in the same transaction: chat and game learn of it, whatever crashes.
"""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Database
from parlor_kit.errors import NotFound

from parlor_customer.events import relationship_ended
from parlor_customer.models import Relationship
from parlor_customer.usecases.customer_lock import lock_customer


class EndRelationship:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, *, distributor_id: UUID, customer_id: UUID, ended_by: UUID) -> None:
        """End the active one; again is no fault, and the first time stands.

        Raises:
            NotFound: the two never had one.
        """
        async with self._database.transaction() as transaction:
            await lock_customer(transaction, customer_id)
            latest = (
                await Relationship.filter(distributor_id=distributor_id, customer_id=customer_id)
                .order_by("-id")
                .first()
            )
            if latest is None:
                raise NotFound()
            if latest.ended_at is not None:
                return
            latest.ended_at, latest.ended_by = now(), ended_by
            await latest.save(update_fields=["ended_at", "ended_by"])
            transaction.publish(relationship_ended(latest, latest.ended_at))
