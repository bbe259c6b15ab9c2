"""Every route of the customer service: method, path, function, policy, models.

PUBLIC is served to users on the public port, INTERNAL to services through the sidecar, whose
policy `sidecar.toml` lists the same rows with their callers.
"""

from parlor_kit.errors import ValidationFailed
from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import SIGNED_IN, TRUSTED_SERVICE, Route, Routes, only

from parlor_customer import errors
from parlor_customer.api import entitlements, invites, relationships
from parlor_customer.api.schemas import (
    CreatedInvite,
    CustomerPage,
    EndQuery,
    EntitlementsView,
    EntitlementView,
    InvitePage,
    InvitesQuery,
    NewInvite,
    Pairs,
    Redemption,
    RelationshipsView,
)

PUBLIC = Routes(
    http=(
        Route(
            "POST",
            "/api/v1/invites",
            invites.create_invite,
            only(Role.DISTRIBUTOR),
            answers={201: CreatedInvite},
            errors=(errors.AccountDisabled,),
            body=NewInvite,
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/invites",
            invites.list_invites,
            only(Role.DISTRIBUTOR),
            answers={200: InvitePage},
            query=InvitesQuery,
        ),
        Route(
            "DELETE",
            "/api/v1/invites/{invite_id}",
            invites.revoke_invite,
            only(Role.DISTRIBUTOR),
            answers={204: None},
            errors=(errors.InviteNotFound,),
        ),
        Route(
            "POST",
            "/api/v1/invites/{token}/redeem",
            invites.redeem_invite,
            only(Role.CUSTOMER),
            answers={201: Redemption, 200: Redemption},
            errors=(
                errors.InviteNotFound,
                errors.InviteExpired,
                errors.InviteRevoked,
                errors.InviteExhausted,
                errors.InviteNotForYou,
                errors.DistributorDisabled,
                errors.AccountDisabled,
            ),
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/relationships/{customer_id}",
            relationships.view_relationships,
            SIGNED_IN,
            answers={200: RelationshipsView},
        ),
        Route(
            "DELETE",
            "/api/v1/relationships/{customer_id}",
            relationships.end_relationship,
            SIGNED_IN,
            answers={204: None},
            errors=(ValidationFailed,),
            query=EndQuery,
        ),
        Route(
            "GET",
            "/api/v1/customers",
            relationships.list_customers,
            only(Role.DISTRIBUTOR),
            answers={200: CustomerPage},
            query=PageQuery,
        ),
        Route(
            "GET",
            "/api/v1/entitlements/chat/{first_user_id}/{second_user_id}",
            entitlements.check_chat_entitlement,
            SIGNED_IN,
            answers={200: EntitlementView},
        ),
    )
)

INTERNAL = Routes(
    http=(
        Route(
            "GET",
            "/internal/v1/entitlements/chat/{first_user_id}/{second_user_id}",
            entitlements.decide_chat_entitlement,
            TRUSTED_SERVICE,
            answers={200: EntitlementView},
        ),
        Route(
            "POST",
            "/internal/v1/entitlements/chat/batch",
            entitlements.decide_chat_entitlements,
            TRUSTED_SERVICE,
            answers={200: EntitlementsView},
            body=Pairs,
        ),
    )
)
