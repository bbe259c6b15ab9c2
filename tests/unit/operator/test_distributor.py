"""The loop of a Distributor against an identity and a cluster in memory."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from factories.operator_fakes import (
    Crash,
    FakeAccounts,
    FakeSecrets,
    Fuse,
    after,
    changed,
    counted,
    resource_of,
)
from hypothesis import given
from hypothesis import strategies as st
from parlor_operator.conditions import Holds
from parlor_operator.controllers.distributor import DistributorController
from parlor_operator.ports import Account, Login
from parlor_operator.reconcile import distributor as decide
from parlor_operator.reconcile.distributor import DistributorSpec, Observed
from parlor_operator.reconcile.resource import Outcome, Resource

PATIENCE = timedelta(minutes=10)


class Setting:
    def __init__(self) -> None:
        self.accounts, self.secrets = FakeAccounts(), FakeSecrets()
        self.controller = self.restarted()
        self.uid = str(uuid4())
        self.resource = resource_of(
            "Distributor", self.uid, email="Shop@Example.com", displayName="Card Shop"
        )

    def restarted(self) -> DistributorController:
        return DistributorController(self.accounts, self.secrets, patience=PATIENCE)

    async def reconcile(self, resource: Resource | None = None) -> Outcome:
        outcome = await self.controller.reconcile(resource or self.resource)
        self.resource = after(resource or self.resource, outcome)
        return outcome

    @property
    def login(self) -> Login | None:
        name = decide.secret_name(self.resource.name, self.uid)
        return self.secrets.logins.get((self.resource.namespace, name))


def ready(outcome: Outcome) -> tuple[Holds, str]:
    assert outcome.status is not None
    return outcome.status.ready.status, outcome.status.ready.reason


def reasons(outcome: Outcome) -> list[str]:
    return [notice.reason for notice in outcome.notices]


async def test_a_new_resource_gets_an_account_and_its_password_a_secret() -> None:
    setting = Setting()
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.TRUE, "Provisioned")
    assert reasons(outcome) == ["Provisioned"]
    assert setting.login == Login("shop@example.com", setting.accounts.passwords[setting.uid])
    assert setting.resource.status["accountId"] == setting.accounts.accounts[setting.uid].id


async def test_a_settled_resource_costs_two_questions_and_no_write() -> None:
    setting = Setting()
    await setting.reconcile()
    outcome = await setting.reconcile()
    assert (setting.accounts.puts, setting.secrets.writes) == (1, 1)
    assert outcome.notices == ()


async def test_a_changed_spec_is_no_drift() -> None:
    setting = Setting()
    await setting.reconcile()
    outcome = await setting.reconcile(changed(setting.resource, displayName="Other"))
    assert reasons(outcome) == []
    assert setting.accounts.accounts[setting.uid].display_name == "Other"


async def test_a_changed_address_reaches_the_secret() -> None:
    setting = Setting()
    await setting.reconcile()
    await setting.reconcile(changed(setting.resource, email="new@example.com"))
    assert setting.login == Login("new@example.com", setting.accounts.passwords[setting.uid])


async def test_drift_is_changed_back_with_a_warning() -> None:
    setting = Setting()
    await setting.reconcile()
    account = setting.accounts.accounts[setting.uid]
    setting.accounts.accounts[setting.uid] = replace(account, suspended=True)
    outcome = await setting.reconcile()
    assert [(n.type, n.reason) for n in outcome.notices] == [("Warning", "DriftRepaired")]
    assert not setting.accounts.accounts[setting.uid].suspended


async def test_what_moderators_suspended_is_said_once_and_called_no_drift() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.accounts.moderate(setting.uid)
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.FALSE, "SuspendedByModerators")
    assert [(n.type, n.reason) for n in outcome.notices] == [("Warning", "SuspendedByModerators")]
    assert reasons(await setting.reconcile()) == []
    assert setting.accounts.puts == 1


async def test_a_resource_that_is_suspended_as_well_has_what_it_asks_for() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.accounts.moderate(setting.uid)
    outcome = await setting.reconcile(changed(setting.resource, suspended=True))
    assert ready(outcome) == (Holds.TRUE, "Suspended")


async def test_an_account_is_enabled_again_once_an_admin_lifts_the_suspension() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.accounts.moderate(setting.uid)
    await setting.reconcile()
    setting.accounts.lift(setting.uid)
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.TRUE, "Provisioned")
    assert reasons(outcome) == ["Provisioned"]
    assert not setting.accounts.accounts[setting.uid].suspended


async def test_what_was_not_changed_back_is_not_called_repaired() -> None:
    setting = Setting()
    await setting.reconcile()
    account = setting.accounts.accounts[setting.uid]
    setting.accounts.accounts[setting.uid] = replace(account, display_name="Else", suspended=True)
    setting.accounts.moderated.add(setting.uid)  # between the question and the change
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.FALSE, "SuspendedByModerators")
    [drift] = [n.message for n in outcome.notices if n.reason == "DriftRepaired"]
    assert drift == "Somebody changed the account's display name: changed back"


async def test_an_account_that_was_left_to_the_admins_is_taken_back_and_is_no_other() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.accounts.let_go.add(setting.uid)
    before = setting.resource.status["accountId"]
    assert reasons(await setting.reconcile()) == ["AccountTakenBack"]
    assert setting.resource.status["accountId"] == before


async def test_a_secret_of_somebody_else_is_not_laid_at_identitys_door() -> None:
    setting = Setting()
    name = decide.secret_name(setting.resource.name, setting.uid)
    setting.secrets.taken.add(name)
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.FALSE, "SecretTaken")
    assert outcome.status
    assert outcome.status.ready.message == f"Secret {name} belongs to somebody else"


async def test_an_account_that_identity_lost_is_made_again_with_a_warning() -> None:
    setting = Setting()
    await setting.reconcile()
    del setting.accounts.accounts[setting.uid]
    outcome = await setting.reconcile()
    assert reasons(outcome) == ["AccountLost"]
    assert setting.resource.status["accountId"] == setting.accounts.accounts[setting.uid].id


async def test_an_address_of_somebody_else_is_a_conflict_until_it_is_free() -> None:
    setting = Setting()
    setting.accounts.taken.add("shop@example.com")
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.FALSE, "Conflict")
    assert outcome.retry is None
    assert setting.accounts.accounts == {}
    assert reasons(await setting.reconcile()) == []
    setting.accounts.taken.clear()
    assert ready(await setting.reconcile()) == (Holds.TRUE, "Provisioned")


async def test_a_move_to_a_taken_address_leaves_the_account_as_it_is() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.accounts.taken.add("taken@example.com")
    outcome = await setting.reconcile(changed(setting.resource, email="taken@example.com"))
    assert ready(outcome) == (Holds.FALSE, "Conflict")
    provisioned = outcome.status and outcome.status.conditions[1]
    assert provisioned
    assert provisioned.status is Holds.TRUE
    assert setting.accounts.accounts[setting.uid].email == "shop@example.com"


async def test_identity_away_is_unknown_and_tried_again() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.accounts.away = True
    outcome = await setting.reconcile()
    assert ready(outcome) == (Holds.UNKNOWN, "IdentityUnavailable")
    assert outcome.retry
    assert reasons(await setting.reconcile()) == []
    setting.accounts.away = False
    assert reasons(await setting.reconcile()) == ["Provisioned"]


async def test_a_lost_secret_comes_back_until_somebody_has_logged_in() -> None:
    setting = Setting()
    await setting.reconcile()
    setting.secrets.logins.clear()
    await setting.reconcile()
    assert setting.login == Login("shop@example.com", setting.accounts.passwords[setting.uid])
    setting.accounts.logged_in.add(setting.uid)
    setting.secrets.logins.clear()
    outcome = await setting.reconcile()
    assert setting.login is None
    assert ready(outcome) == (Holds.TRUE, "Provisioned")
    assert "secretName" not in setting.resource.status


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("part", ["accounts", "secrets"])
async def test_one_account_and_a_password_that_works_after_any_crash(
    part: str, after_effect: bool
) -> None:
    setting = Setting()
    getattr(setting, part).fuse = Fuse(at=1, after=after_effect)
    with pytest.raises(Crash):
        await setting.reconcile()
    setting.controller = setting.restarted()
    assert ready(await setting.reconcile()) == (Holds.TRUE, "Provisioned")
    assert len(setting.accounts.accounts) == 1
    assert setting.login == Login("shop@example.com", setting.accounts.passwords[setting.uid])


@pytest.mark.parametrize("policy", ["Retain", "Disable"])
async def test_a_deletion_follows_the_policy(policy: str) -> None:
    setting = Setting()
    await setting.reconcile(changed(setting.resource, deletionPolicy=policy))
    outcome = await setting.controller.finalize(setting.resource, timedelta())
    assert outcome == Outcome()
    assert setting.accounts.released == {setting.uid: policy == "Disable"}
    assert setting.login is None


async def test_deleting_what_identity_does_not_know_is_done() -> None:
    setting = Setting()
    assert await setting.controller.finalize(setting.resource, timedelta()) == Outcome()


@pytest.mark.parametrize(
    ("policy", "waited", "goes"),
    [
        ("Disable", timedelta(minutes=9), False),
        ("Disable", timedelta(minutes=10), True),
        ("Retain", timedelta(seconds=59), False),
        ("Retain", timedelta(minutes=1), True),
    ],
)
async def test_a_deletion_waits_so_long_and_no_longer(
    policy: str, waited: timedelta, goes: bool
) -> None:
    setting = Setting()
    before = counted("Distributor")
    await setting.reconcile(changed(setting.resource, deletionPolicy=policy))
    setting.accounts.away = True
    outcome = await setting.controller.finalize(setting.resource, waited)
    assert (outcome.retry is None) is goes
    assert reasons(outcome) == (["ReleaseAbandoned"] if goes else [])
    assert counted("Distributor") == before + (0 if goes else 1)


async def test_an_older_generation_never_undoes_a_newer_one() -> None:
    setting = Setting()
    await setting.reconcile()
    old = setting.resource
    new = changed(old, displayName="Other")
    await asyncio.gather(setting.controller.reconcile(new), setting.controller.reconcile(old))
    assert setting.accounts.accounts[setting.uid].display_name == "Other"


accounts = st.none() | st.builds(
    Account,
    st.sampled_from(["one", "other"]),
    st.sampled_from(["shop@example.com", "else@example.com"]),
    st.sampled_from(["Card Shop", "Else"]),
    st.booleans(),
)
logins = st.none() | st.builds(Login, st.sampled_from(["shop@example.com", "x@example.com"]))


@given(accounts, logins, st.booleans(), st.sampled_from([None, "one", "other"]), st.booleans())
def test_a_plan_writes_exactly_where_something_differs(
    account: Account | None,
    login: Login | None,
    suspended: bool,
    known: str | None,
    was_ready: bool,
) -> None:
    status = {"accountId": known} if known else {}
    resource = replace(
        resource_of(
            "Distributor",
            str(uuid4()),
            email="shop@example.com",
            displayName="Card Shop",
            suspended=suspended,
        ),
        status={
            **status,
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True" if was_ready else "Unknown"}],
        },
    )
    put = decide.plan(resource, Observed(account, login))
    same = account is not None and (account.email, account.display_name, account.suspended) == (
        "shop@example.com",
        "Card Shop",
        suspended,
    )
    assert (put is None) == (same and login is not None)
    if put is not None:
        assert put.first_password == (login is None)
    now = Account(account.id if account else "new", "shop@example.com", "Card Shop", suspended)
    told = decide.notices(resource, Observed(account, login), now)
    drifted = account is not None and not same and was_ready
    assert ("DriftRepaired" in {notice.reason for notice in told}) == drifted
    assert all(notice.type == "Warning" for notice in told)


@given(st.from_regex(r"[a-z]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True))
def test_a_secrets_name_fits_and_tells_namesakes_apart(name: str) -> None:
    one, other = (decide.secret_name(name, str(uuid4())) for _ in range(2))
    assert one != other
    assert len(one) <= 253
    assert one[0].isalnum()
    assert ".-" not in one.replace(name, "")


def test_a_spec_is_compared_as_identity_stores_it() -> None:
    spec = DistributorSpec.of({"email": "Shop@Example.COM", "displayName": "Card Shop"})
    assert spec.email == "shop@example.com"
    assert (spec.suspended, spec.disable_at_deletion) == (False, False)
