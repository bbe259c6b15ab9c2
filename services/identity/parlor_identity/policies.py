"""Who may call the internal routes of identity.

The sidecar has asked the same of `sidecar.toml`; the app asks again, so that one mistake in one
place opens nothing. Public routes take the kit's policies.
"""

from parlor_kit.errors import Forbidden, ParlorError, Unauthenticated
from parlor_kit.principal import Principal, ServiceCaller
from parlor_kit.routing import Policy

OPERATOR = "operator"


def only_services(*names: str) -> Policy:
    """Services with one of `names`, whoever they act for."""

    def allows(_: Principal | None, caller: ServiceCaller | None) -> ParlorError | None:
        if caller is None:
            return Unauthenticated()
        return None if caller.name in names else Forbidden()

    return Policy(" or ".join(names), allows, needs_service=True)


MANAGES_DISTRIBUTORS = only_services(OPERATOR)
READS_ACCOUNTS = only_services("customer")
