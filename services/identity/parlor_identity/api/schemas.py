"""Bodies, queries and views of identity's routes."""

from typing import Annotated, Any, Self
from uuid import UUID

from parlor_kit.fields import Body, Email, Moment, Name, Query, Text, View
from parlor_kit.pages import PageQuery
from parlor_kit.principal import Role
from pydantic import Field, model_validator

from parlor_identity import passwords
from parlor_identity.models import AccountStatus, ManagedBy
from parlor_identity.usecases.erase_account import GOES, STAYS, Erased

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


class EraseBody(Body):
    """The owner's password; without it the login must have been just now. May be left out whole."""

    password: ClaimedPassword | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, value: Any) -> Any:
        return {} if value is None else value


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
    erased_at: Moment | None


class ProvisionedView(ProfileView):
    """A new account; `initial_password` only when one was made, and only in this answer."""

    managed_by: ManagedBy
    initial_password: Secret = None


class Remnant(View):
    """Something that outlives the account, why, and until when."""

    what: str
    why: str
    until: str


class ErasureView(View):
    """An account that is gone: what went, and what stays elsewhere for a while or for good."""

    account_id: UUID
    erased_at: Moment
    erased: list[str]
    stays: list[Remnant]

    @classmethod
    def of(cls, erased: Erased) -> "ErasureView":
        return cls(
            account_id=erased.account_id,
            erased_at=erased.erased_at,
            erased=list(GOES),
            stays=[Remnant(what=what, why=why, until=until) for what, why, until in STAYS],
        )


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
    """An account as the operator sees it.

    One that moderators suspended stays disabled, whatever the resource says.
    """

    account_id: UUID
    email: str
    display_name: str
    status: AccountStatus
    suspended_by_moderators: bool
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
