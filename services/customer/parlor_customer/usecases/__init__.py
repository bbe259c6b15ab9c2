"""What the customer service does, one verb a file. `bootstrap` builds them, `api` calls them."""

from dataclasses import dataclass

from parlor_kit.idempotency import Idempotency

from parlor_customer.usecases.check_entitlement import CheckEntitlement
from parlor_customer.usecases.create_invite import CreateInvite
from parlor_customer.usecases.end_relationship import EndRelationship
from parlor_customer.usecases.list_invites import ListInvites
from parlor_customer.usecases.redeem_invite import RedeemInvite
from parlor_customer.usecases.revoke_invite import RevokeInvite
from parlor_customer.usecases.view_relationships import ViewRelationships

__all__ = ["UseCases"]


@dataclass(frozen=True, slots=True)
class UseCases:
    """What route functions see as `call.app`."""

    idempotency: Idempotency
    create_invite: CreateInvite
    list_invites: ListInvites
    revoke_invite: RevokeInvite
    redeem_invite: RedeemInvite
    view_relationships: ViewRelationships
    end_relationship: EndRelationship
    check_entitlement: CheckEntitlement
