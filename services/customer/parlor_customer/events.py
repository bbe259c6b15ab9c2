"""The events that the customer service emits, on `customer.events` under the customer's id."""

from datetime import datetime
from uuid import UUID

from parlor_kit.clock import rfc3339
from parlor_kit.events import Event

from parlor_customer.models import Relationship

TOPIC = "customer.events"


def relationship_started(relationship: Relationship) -> Event:
    """A customer has redeemed an invite; chat and games become possible."""
    return _event("relationship.started", relationship, relationship.since)


def relationship_ended(relationship: Relationship, at: datetime) -> Event:
    """One of the two ended it; whoever was entitled by it alone is so no more."""
    return _event("relationship.ended", relationship, at)


def party_erased(
    account_id: UUID,
    *,
    relationships_ended: int,
    relationships_kept: int,
    invites_revoked: int,
    invites_emptied: int,
    at: datetime,
) -> Event:
    """What was done here about an erased account, for the report of its erasure."""
    return Event(
        topic=TOPIC,
        type="relationship.party_erased",
        key=str(account_id),
        data={
            "account_id": str(account_id),
            "relationships_ended": relationships_ended,
            "relationships_kept": relationships_kept,
            "invites_revoked": invites_revoked,
            "invites_emptied": invites_emptied,
            "at": rfc3339(at),
        },
        time=at,
    )


def _event(type_: str, relationship: Relationship, at: datetime) -> Event:
    return Event(
        topic=TOPIC,
        type=type_,
        key=str(relationship.customer_id),
        data={
            "relationship_id": str(relationship.id),
            "distributor_id": str(relationship.distributor_id),
            "customer_id": str(relationship.customer_id),
            "at": rfc3339(at),
        },
        time=at,
    )
