"""Bodies, queries and views of the customer service, as the contract states them."""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.fields import Body, Email, Moment, Query, Text, View
from parlor_kit.pages import Page, PageQuery
from pydantic import Field

from parlor_customer.models import Invite, InviteStatus, Relationship, RelationshipStatus
from parlor_customer.usecases.check_entitlement import Entitlement, Reason
from parlor_customer.usecases.view_relationships import (
    CustomerOfDistributor,
    RelationshipOfCustomer,
)

WEEK = 7 * 24 * 3600
YEAR = 366 * 24 * 3600
MAX_PAIRS = 500


class NewInvite(Body):
    """The terms of an invite; without `email` it is for anybody who has its token."""

    email: Email | None = None
    max_uses: int = Field(1, ge=1, le=100_000)
    expires_in: int = Field(WEEK, ge=1, le=YEAR, description="Seconds.")
    note: Text | None = Field(None, max_length=500)


class InviteView(View):
    """An invite as its distributor sees it; the token was shown when it was made."""

    id: UUID
    distributor_id: UUID
    email: str | None
    max_uses: int
    uses: int
    status: InviteStatus
    note: str | None
    expires_at: Moment
    created_at: Moment
    revoked_at: Moment | None

    @classmethod
    def of(cls, invite: Invite) -> "InviteView":
        return cls(
            id=invite.id,
            distributor_id=invite.distributor_id,
            email=invite.email,
            max_uses=invite.max_uses,
            uses=invite.uses,
            status=invite.status_at(now()),
            note=invite.note,
            expires_at=invite.expires_at,
            created_at=invite.created_at,
            revoked_at=invite.revoked_at,
        )


class CreatedInvite(InviteView):
    """A new invite with the only sight of its token."""

    token: str

    @classmethod
    def with_token(cls, invite: Invite, token: str) -> "CreatedInvite":
        return cls(**InviteView.of(invite).model_dump(), token=token)


class InvitesQuery(PageQuery):
    status: InviteStatus | None = None


class InvitePage(Page[InviteView]):
    """The distributor's own invites, newest first."""


class RelationshipView(View):
    """A relationship as a redemption gives it."""

    id: UUID
    distributor_id: UUID
    customer_id: UUID
    status: RelationshipStatus
    since: Moment
    ended_at: Moment | None


class Redemption(View):
    relationship: RelationshipView

    @classmethod
    def of(cls, relationship: Relationship) -> "Redemption":
        return cls(
            relationship=RelationshipView(
                id=relationship.id,
                distributor_id=relationship.distributor_id,
                customer_id=relationship.customer_id,
                status=relationship.status,
                since=relationship.since,
                ended_at=relationship.ended_at,
            )
        )


class RelationshipItem(View):
    id: UUID
    distributor_id: UUID
    distributor_name: str
    status: RelationshipStatus
    since: Moment
    ended_at: Moment | None


class RelationshipsView(View):
    """A customer's relationships, those that the caller may see."""

    customer_id: UUID
    relationships: list[RelationshipItem]

    @classmethod
    def of(cls, customer_id: UUID, found: list[RelationshipOfCustomer]) -> "RelationshipsView":
        return cls(
            customer_id=customer_id,
            relationships=[
                RelationshipItem(
                    id=one.id,
                    distributor_id=one.distributor_id,
                    distributor_name=one.distributor_name,
                    status=one.status,
                    since=one.since,
                    ended_at=one.ended_at,
                )
                for one in found
            ],
        )


class EndQuery(Query):
    """Which relationship ends: a customer must say of which distributor; for one it is implied."""

    distributor_id: UUID | None = None


class CustomerItem(View):
    relationship_id: UUID
    customer_id: UUID
    customer_name: str
    since: Moment

    @classmethod
    def of(cls, one: CustomerOfDistributor) -> "CustomerItem":
        return cls(
            relationship_id=one.relationship_id,
            customer_id=one.customer_id,
            customer_name=one.customer_name,
            since=one.since,
        )


class CustomerPage(Page[CustomerItem]):
    """The distributor's active customers, newest first."""


class EntitlementView(View):
    """Whether two people may chat and play, and on whom it rests."""

    first_user_id: UUID
    second_user_id: UUID
    entitled: bool
    reason: Reason
    distributor_id: UUID | None
    checked_at: Moment

    @classmethod
    def of(cls, entitlement: Entitlement) -> "EntitlementView":
        return cls(
            first_user_id=entitlement.first_user_id,
            second_user_id=entitlement.second_user_id,
            entitled=entitlement.entitled,
            reason=entitlement.reason,
            distributor_id=entitlement.distributor_id,
            checked_at=entitlement.checked_at,
        )


class Pairs(Body):
    """The pairs to decide on, answered in their order."""

    pairs: list[tuple[UUID, UUID]] = Field(min_length=1, max_length=MAX_PAIRS)


class EntitlementsView(View):
    entitlements: list[EntitlementView]
