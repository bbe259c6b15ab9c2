"""What admins do with the accounts of others."""

from dataclasses import replace

from parlor_kit.answers import Answer
from parlor_kit.pages import Page, encode_cursor, id_in
from parlor_kit.principal import Role
from parlor_kit.routing import Call

from parlor_identity.api.auth import NOT_STORED
from parlor_identity.api.schemas import AccountView, ProvisionedView
from parlor_identity.models import AccountStatus
from parlor_identity.usecases.accounts import AccountRow
from parlor_identity.usecases.services import IdentityServices


def _provisioned(account: AccountRow, initial_password: str | None) -> Answer:
    view = ProvisionedView.of(account).model_copy(update={"initial_password": initial_password})
    return Answer(201, view, object_id=account.id)


async def _provision(call: Call[IdentityServices], role: Role) -> Answer:
    answer = await call.app.provision_account(
        actor=call.user,
        role=role,
        email=call.body.email,
        display_name=call.body.display_name,
        password=call.body.password,
        key=call.idempotency_key,
        render=_provisioned,
    )
    return replace(answer, headers=NOT_STORED)


async def provision_distributor(call: Call[IdentityServices]) -> Answer:
    """Provision a distributor account."""
    return await _provision(call, Role.DISTRIBUTOR)


async def provision_moderator(call: Call[IdentityServices]) -> Answer:
    """Provision a moderator account."""
    return await _provision(call, Role.MODERATOR)


async def list_users(call: Call[IdentityServices]) -> Answer:
    """List accounts, newest first."""
    query = call.query
    found = await call.app.read_accounts.page(
        call.user,
        role=query.role,
        status=query.status,
        email=query.email,
        before=id_in(query.cursor),
        limit=query.limit + 1,
    )
    items = [AccountView.of(account) for account in found[: query.limit]]
    more = encode_cursor(items[-1].id) if len(found) > query.limit else None
    return Answer(200, Page[AccountView](items=items, next_cursor=more))


async def disable_user(call: Call[IdentityServices]) -> Answer:
    """Disable an account and end its sessions."""
    return await _set_status(call, AccountStatus.DISABLED)


async def enable_user(call: Call[IdentityServices]) -> Answer:
    """Enable a disabled account."""
    return await _set_status(call, AccountStatus.ACTIVE)


async def _set_status(call: Call[IdentityServices], status: AccountStatus) -> Answer:
    account = await call.app.change_status(call.user, call.id("user_id"), status)
    return Answer(200, AccountView.of(account))
