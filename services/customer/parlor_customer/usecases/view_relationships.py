"""Relationships as those may see them whom they concern. Called by `api.relationships`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parlor_kit.database import Database
from parlor_kit.errors import NotFound
from parlor_kit.principal import Principal, Role

from parlor_customer.models import Account, RelationshipStatus
from parlor_customer.policies import sees_all_relationships_of, sees_own_relationships_with

_RELATIONSHIPS = """
SELECT r.id, r.distributor_id, coalesce(a.display_name, '') AS distributor_name,
       r.since, r.ended_at
FROM relationships r LEFT JOIN accounts a ON a.id = r.distributor_id
WHERE r.customer_id = $1 AND ($2::uuid IS NULL OR r.distributor_id = $2)
ORDER BY r.id
"""

_CUSTOMERS = """
SELECT r.id, r.customer_id, coalesce(a.display_name, '') AS customer_name, r.since
FROM relationships r LEFT JOIN accounts a ON a.id = r.customer_id
WHERE r.distributor_id = $1 AND r.ended_at IS NULL AND ($2::uuid IS NULL OR r.id < $2)
ORDER BY r.id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class RelationshipOfCustomer:
    """A relationship as its customer sees it."""

    id: UUID
    distributor_id: UUID
    distributor_name: str
    status: RelationshipStatus
    since: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CustomerOfDistributor:
    """An active relationship as its distributor sees it."""

    relationship_id: UUID
    customer_id: UUID
    customer_name: str
    since: datetime


class ViewRelationships:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_customer(
        self, principal: Principal, customer_id: UUID
    ) -> list[RelationshipOfCustomer]:
        """Those of `customer_id` that `principal` may see, the oldest first.

        Raises:
            NotFound: there is nothing that this caller may know of.
        """
        if sees_all_relationships_of(principal, customer_id):
            found = await self._read(customer_id, None)
            if not found and not await _may_have_some(principal, customer_id):
                raise NotFound()
            return found
        if sees_own_relationships_with(principal):
            found = await self._read(customer_id, principal.id)
            if found:
                return found
        raise NotFound()

    async def of_distributor(
        self, distributor_id: UUID, *, before: UUID | None, limit: int
    ) -> list[CustomerOfDistributor]:
        """Its active customers, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_CUSTOMERS, distributor_id, before, limit)
        return [
            CustomerOfDistributor(row["id"], row["customer_id"], row["customer_name"], row["since"])
            for row in rows
        ]

    async def _read(
        self, customer_id: UUID, distributor_id: UUID | None
    ) -> list[RelationshipOfCustomer]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_RELATIONSHIPS, customer_id, distributor_id)
        return [
            RelationshipOfCustomer(
                id=row["id"],
                distributor_id=row["distributor_id"],
                distributor_name=row["distributor_name"],
                status=(
                    RelationshipStatus.ACTIVE
                    if row["ended_at"] is None
                    else RelationshipStatus.ENDED
                ),
                since=row["since"],
                ended_at=row["ended_at"],
            )
            for row in rows
        ]


async def _may_have_some(principal: Principal, customer_id: UUID) -> bool:
    """Whether an empty list is an answer: to a customer about itself, and about a known one."""
    if principal.id == customer_id and principal.role is Role.CUSTOMER:
        return True
    return await Account.exists(id=customer_id, role=Role.CUSTOMER)
