"""Settings of the customer service: those of every service, and how invites are bounded."""

from typing import Annotated

from parlor_kit.settings import ServiceSettings
from pydantic import Field


class CustomerSettings(ServiceSettings):
    """Read by `bootstrap` alone."""

    customer_identity_timeout: Annotated[
        float, Field(description="Seconds to wait for identity, one attempt.", gt=0, le=30)
    ] = 2.0
