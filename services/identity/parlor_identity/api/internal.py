"""What other services read, and what the operator keeps in step with Distributor resources."""

import re
from typing import Any

from parlor_kit.answers import Answer
from parlor_kit.errors import NotFound
from parlor_kit.routing import Call

from parlor_identity.api.auth import NOT_STORED
from parlor_identity.api.schemas import BatchView, DistributorView, UserView
from parlor_identity.usecases.accounts import AccountRow
from parlor_identity.usecases.keep_distributor import Wanted
from parlor_identity.usecases.services import IdentityServices

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _uid(call: Call[Any]) -> str:
    uid = str(call.params["resource_uid"])
    if not _UID.fullmatch(uid):
        raise NotFound()
    return uid


def _user(account: AccountRow) -> UserView:
    return UserView.model_validate({name: getattr(account, name) for name in UserView.model_fields})


def _distributor(account: AccountRow, initial_password: str | None = None) -> DistributorView:
    return DistributorView.model_validate(
        {
            "account_id": account.id,
            "email": account.email,
            "display_name": account.display_name,
            "status": account.status,
            "suspended_by_moderators": account.suspended_for is not None,
            "initial_password": initial_password,
        }
    )


async def get_user(call: Call[IdentityServices]) -> Answer:
    """Read one account."""
    return Answer(200, _user(await call.app.read_accounts.one(call.id("user_id"))))


async def get_users(call: Call[IdentityServices]) -> Answer:
    """Read up to 500 accounts; ids that nobody has are left out."""
    found = await call.app.read_accounts.several(call.body.ids)
    return Answer(200, BatchView(users=[_user(account) for account in found]))


async def put_distributor(call: Call[IdentityServices]) -> Answer:
    """Make the account of a Distributor resource what the resource says."""
    body = call.body
    kept = await call.app.keep_distributor.put(
        _uid(call),
        Wanted(body.email, body.display_name, body.suspended, body.reissue_password),
    )
    view = _distributor(kept.account, kept.initial_password)
    return Answer(201 if kept.created else 200, view, headers=NOT_STORED)


async def get_distributor(call: Call[IdentityServices]) -> Answer:
    """Read the account of a Distributor resource."""
    return Answer(200, _distributor(await call.app.keep_distributor.read(_uid(call))))


async def release_distributor(call: Call[IdentityServices]) -> Answer:
    """Leave the account of a deleted Distributor resource to the admins, disabled or as it is."""
    await call.app.keep_distributor.release(_uid(call), disable=call.query.policy == "disable")
    return Answer(204)
