"""What admins, the operator and identity do with accounts is told, once, with what it did."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from factories.identity_composed import Composed
from factories.identity_replicas import new_email
from parlor_identity.errors import OwnAccount
from parlor_identity.models import AccountStatus
from parlor_identity.usecases.accounts import AccountRow
from parlor_identity.usecases.keep_distributor import Wanted
from parlor_kit.answers import Answer
from parlor_kit.events import Schemas
from parlor_kit.principal import Principal, Role

pytestmark = pytest.mark.integration

SCHEMAS = Schemas(Path(__file__).resolve().parents[3] / "kafka")


async def told(composed: Composed, actor: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    """Action, account and details of what is in the outbox of that actor, each once."""
    rows = await composed.rows(
        "SELECT data FROM outbox WHERE key = $1 AND type = 'account.administered' ORDER BY id",
        actor,
    )
    events = [orjson.loads(row["data"]) for row in rows]
    for event in events:
        SCHEMAS.check("account.administered", event)
    return [(event["action"], event["account_id"], event["details"]) for event in events]


async def provision(composed: Composed, admin: Principal, email: str) -> UUID:
    made: list[UUID] = []

    def render(account: AccountRow, _: str | None) -> Answer:
        made.append(account.id)
        return Answer(201)

    await composed.identity.services.provision_account(
        actor=admin,
        role=Role.MODERATOR,
        email=email,
        display_name="A Moderator",
        password=None,
        key=None,
        render=render,
    )
    return made[0]


async def test_what_an_admin_does_is_told_with_the_account_and_without_its_owner(
    composed: Composed,
) -> None:
    admin, email = await composed.admin(), new_email()
    account_id = await provision(composed, admin, email)
    change = composed.identity.services.change_status
    for _ in range(2):  # a repeated order changes nothing, and nothing is told of it
        await change(admin, account_id, AccountStatus.DISABLED)
    await change(admin, account_id, AccountStatus.ACTIVE)
    await composed.identity.services.read_accounts.page(
        admin, role=Role.MODERATOR, status=None, email=email, before=None, limit=5
    )
    account = str(account_id)
    assert await told(composed, str(admin.id)) == [
        ("account.provisioned", account, {"role": "moderator"}),
        ("account.disabled", account, {}),
        ("account.enabled", account, {}),
        ("account.listed", None, {"by_email": "True", "role": "moderator"}),
    ]
    rows = await composed.rows("SELECT data FROM outbox WHERE type = 'account.administered'")
    assert not any(email in row["data"] or "A Moderator" in row["data"] for row in rows)


async def test_what_was_refused_is_not_told(composed: Composed) -> None:
    admin = await composed.admin()
    with pytest.raises(OwnAccount):
        await composed.identity.services.change_status(admin, admin.id, AccountStatus.DISABLED)
    assert await told(composed, str(admin.id)) == []


async def test_what_the_operator_changes_is_told_and_what_it_finds_right_is_not(
    composed: Composed,
) -> None:
    keep, uid = composed.identity.services.keep_distributor, str(uuid4())
    first, renamed = Wanted(new_email(), "Shop", False), Wanted(new_email(), "Shop", False)
    account = str((await keep.put(uid, first)).account.id)
    for wanted in (first, renamed, renamed, Wanted(renamed.email, "Shop", True)):
        await keep.put(uid, wanted)
    await keep.put(uid, Wanted(renamed.email, "Shop", True, reissue_password=True))
    await keep.release(uid, disable=True)
    found = [row for row in await told(composed, "operator") if row[1] == account]
    assert found == [
        ("account.provisioned", account, {"role": "distributor"}),
        ("account.changed", account, {}),
        ("account.disabled", account, {}),
        ("account.password_reissued", account, {}),
        ("account.let_go", account, {}),
    ]
