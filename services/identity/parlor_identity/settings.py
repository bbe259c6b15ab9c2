"""Settings of the identity service: those of every service, and how people log in."""

import os
from datetime import timedelta
from typing import Annotated, Self

from parlor_kit.fields import Email
from parlor_kit.settings import ServiceSettings
from pydantic import AfterValidator, Field, SecretStr, model_validator

from parlor_identity import passwords


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing")
    return value


Duration = Annotated[timedelta, AfterValidator(_positive)]


class IdentitySettings(ServiceSettings):
    """Read by `bootstrap` and `__main__` alone."""

    parlor_admin_email: Annotated[
        Email | None, Field(description="The first admin, made at start while there is none.")
    ] = None
    parlor_admin_password: Annotated[
        SecretStr | None, Field(description="First password of that admin; there is no default.")
    ] = None
    identity_hash_parallelism: Annotated[
        int, Field(description="Passwords hashed at the same time; 0: one a CPU.", ge=0, le=256)
    ] = 0
    identity_hash_queue: Annotated[
        int, Field(description="Passwords that may wait for their turn; more: 503.", ge=1)
    ] = 128
    identity_refresh_ttl: Annotated[
        Duration, Field(description="A session ends when it is not refreshed for so long.")
    ] = timedelta(days=30)
    identity_session_ttl: Annotated[
        Duration, Field(description="A session ends after so long, refreshed or not.")
    ] = timedelta(days=180)
    identity_refresh_grace: Annotated[
        timedelta, Field(description="A used refresh token gives its successor again for so long.")
    ] = timedelta(seconds=10)
    identity_key_overlap: Annotated[
        timedelta, Field(description="A new signing key is published so long before it signs.")
    ] = timedelta(minutes=10)
    identity_failures_free: Annotated[
        int, Field(description="Failed logins on an account from one address before delays.", ge=1)
    ] = 5
    identity_failures_free_account: Annotated[
        int, Field(description="The same on an account from all unknown addresses.", ge=1)
    ] = 10
    identity_failures_free_address: Annotated[
        int, Field(description="The same from one address on all accounts.", ge=1)
    ] = 50
    identity_first_delay: Annotated[
        Duration, Field(description="The first delay; each further failure doubles it.")
    ] = timedelta(seconds=5)
    identity_longest_delay: Annotated[
        Duration, Field(description="No delay grows longer than this.")
    ] = timedelta(minutes=15)

    @property
    def hash_parallelism(self) -> int:
        return self.identity_hash_parallelism or len(os.sched_getaffinity(0))

    @model_validator(mode="after")
    def _admin_is_whole(self) -> Self:
        email, password = self.parlor_admin_email, self.parlor_admin_password
        if (email is None) != (password is None):
            raise ValueError("PARLOR_ADMIN_EMAIL and PARLOR_ADMIN_PASSWORD are set together")
        if email is not None and password is not None:
            faults = passwords.faults(password.get_secret_value(), email, "")
            if faults:
                raise ValueError(f"PARLOR_ADMIN_PASSWORD {faults[0]}")
        return self
