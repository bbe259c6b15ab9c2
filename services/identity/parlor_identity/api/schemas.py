"""Bodies, queries and views of identity's routes."""

from typing import Annotated, Any, Self
from uuid import UUID

from parlor_kit.fields import Body, Email, Moment, Name, Query, Text, View
from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from pydantic import Field

from parlor_identity import passwords
from parlor_identity.models import AccountStatus, ManagedBy

NewPassword = Annotated[
    Text, Field(min_length=passwords.MIN_LENGTH, max_length=passwords.MAX_LENGTH)
]
# What somebody claims to be their password is only ever compared.
ClaimedPassword = Annotated[Text, Field(min_length=1, max_length=1024)]
Token = Annotated[Text, Field(min_length=1, max_length=512)]
Secret = Annotated[str | None, Field(exclude_if=lambda value: value is None)]


class RegisterBody(Body):
    email: Email
    password: NewPassword
    display_name: Name


class LoginBody(Body):
    email: Email
    password: ClaimedPassword


class RefreshBody(Body):
    refresh_token: Token


class ProvisionBody(Body):
    email: Email
    display_name: Name
    password: NewPassword | None = None


class PasswordBody(Body):
    current_password: ClaimedPassword
    new_password: NewPassword


class DistributorBody(Body):
    """What a Distributor resource says of its account."""

    email: Email
    display_name: Name
    suspended: bool = False
    reissue_password: bool = False


class BatchBody(Body):
    ids: list[UUID] = Field(max_length=500)


class UsersQuery(PageQuery):
    role: Role | None = None
    status: AccountStatus | None = None
    email: Email | None = None


class ReleaseQuery(Query):
    policy: Annotated[str, Field(pattern="^(retain|disable)$")] = "retain"


class ProfileView(View):
    """An account as its owner sees it."""

    id: UUID
    email: str
    display_name: str
    role: Role
    status: AccountStatus
    created_at: Moment

    @classmethod
    def of(cls, account: Any) -> Self:
        return cls.model_validate(
            {
                name: getattr(account, name)
                for name in cls.model_fields
                if name != "initial_password"
            }
        )


class AccountView(ProfileView):
    """An account as admins see it."""

    managed_by: ManagedBy


class ProvisionedView(AccountView):
    """A new account; `initial_password` only when one was made, and only in this answer."""

    initial_password: Secret = None


class TokensView(View):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's name
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class SessionView(View):
    """A session of one's own; `current` is the one that asks."""

    id: UUID
    created_at: Moment
    last_used_at: Moment
    expires_at: Moment
    user_agent: str
    address: str
    current: bool


class UserView(View):
    """An account as other services see it."""

    id: UUID
    email: str
    display_name: str
    role: Role
    status: AccountStatus
    version: int


class BatchView(View):
    users: list[UserView]


class DistributorView(View):
    """An account as the operator sees it."""

    account_id: UUID
    email: str
    display_name: str
    status: AccountStatus
    initial_password: Secret = None


class KeyView(View):
    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class KeysView(View):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[KeyView]
