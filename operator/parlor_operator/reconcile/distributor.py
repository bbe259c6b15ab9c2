"""What to do about a Distributor. Pure: (spec, observed) -> what to put, and (observed, result) ->
what to say of it. An event tells of what came about, so none is made before identity has answered.

The account is keyed by the resource's uid, so doing a plan twice is doing it once. The first
password is asked for again as long as no Secret holds it: that also heals a crash between
identity's answer and the Secret, since identity makes another one until somebody has logged in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parlor_operator.conditions import READY, Condition, Holds, Status, find
from parlor_operator.errors import Refused, Unavailable
from parlor_operator.ports import SECRET_TAKEN, Account, Login, WantedAccount
from parlor_operator.reconcile.resource import WARNING, Notice, Resource

KIND = "Distributor"
PROVISIONED = "AccountProvisioned"
EMAIL_TAKEN = "email_taken"
_LONGEST_PREFIX = 63
_SUSPENSION = "suspension"


@dataclass(frozen=True, slots=True)
class DistributorSpec:
    email: str
    display_name: str
    suspended: bool
    disable_at_deletion: bool

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "DistributorSpec":
        """As identity would store it, so that a comparison finds real differences alone."""
        return cls(
            email=spec["email"].strip().lower(),
            display_name=spec["displayName"].strip(),
            suspended=bool(spec.get("suspended", False)),
            disable_at_deletion=spec.get("deletionPolicy", "Retain") == "Disable",
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """What identity and the cluster have for the resource at present."""

    account: Account | None
    login: Login | None


def secret_name(name: str, uid: str) -> str:
    """One name for one resource: a namesake that comes later gets another."""
    return f"{name[:_LONGEST_PREFIX].rstrip('-.')}-login-{uid[:8]}"


def plan(resource: Resource, observed: Observed) -> WantedAccount | None:
    """What identity has to be told; None where it has all of it."""
    spec, account = DistributorSpec.of(resource.spec), observed.account
    wanted = WantedAccount(
        spec.email, spec.display_name, spec.suspended, first_password=observed.login is None
    )
    if account is None or wanted.first_password or _differing(spec, account):
        return wanted
    return None


def notices(resource: Resource, observed: Observed, account: Account) -> tuple[Notice, ...]:
    """What somebody else did to the account that was found, and what became of that."""
    spec, found = DistributorSpec.of(resource.spec), observed.account
    known = resource.status.get("accountId")
    said = []
    if known and known != account.id:
        if found is None:
            lost = f"Identity had no account {known}: made another"
            said.append(Notice(WARNING, "AccountLost", lost))
        else:
            replaced = f"Identity has account {account.id} for this resource, not {known}"
            said.append(Notice(WARNING, "AccountReplaced", replaced))
    elif known and found is None:
        back = f"Account {known} was left to the admins: it follows this resource again"
        said.append(Notice(WARNING, "AccountTakenBack", back))
    if found is not None and resource.settled:
        left = {*_differing(spec, account), *((_SUSPENSION,) if account.moderated else ())}
        repaired = [name for name in _differing(spec, found) if name not in left]
        if repaired:
            drift = f"Somebody changed the account's {' and '.join(repaired)}: changed back"
            said.append(Notice(WARNING, "DriftRepaired", drift))
    return tuple(said)


def login_to_write(spec: DistributorSpec, login: Login | None, account: Account) -> Login | None:
    """What the Secret has to hold, or None where it holds that already or nobody knows it."""
    if account.first_password is not None:
        return Login(spec.email, account.first_password)
    if login is not None and login.email != spec.email:
        return Login(spec.email, login.password)
    return None


def settled(resource: Resource, account: Account, *, has_login: bool) -> Status:
    """The status of a resource whose account is what it says."""
    name = secret_name(resource.name, resource.uid) if has_login else None
    suspended = DistributorSpec.of(resource.spec).suspended
    if account.moderated and not suspended:
        said = "Moderators suspended the account: it stays disabled until an admin lifts that"
        ready = Condition(READY, Holds.FALSE, "SuspendedByModerators", said)
    elif account.suspended:
        ready = Condition(READY, Holds.TRUE, "Suspended", "The account is disabled, as asked")
    elif name:
        said = f"The account is there; its first password is in Secret {name}"
        ready = Condition(READY, Holds.TRUE, "Provisioned", said)
    else:
        said = "The account is there; somebody has logged in, so there is no first password to show"
        ready = Condition(READY, Holds.TRUE, "Provisioned", said)
    there = Condition(PROVISIONED, Holds.TRUE, "Provisioned", f"Account {account.id}")
    return Status((ready, there), {"accountId": account.id, "secretName": name})


def refused(resource: Resource, refusal: Refused, account: Account | None) -> Status:
    """The status of a resource that cannot be followed. It takes over no account and no Secret."""
    who = refusal.part.capitalize() if refusal.part != "cluster" else "The Kubernetes API"
    reason, said = "Rejected", f"{who} refused: {shown(refusal)}"
    if refusal.code == SECRET_TAKEN:
        reason, said = "SecretTaken", refusal.detail
    elif refusal.code == EMAIL_TAKEN:
        reason = "Conflict"
        said = f"Another account has the e-mail address {resource.spec['email']}"
    if account is None:
        there = Condition(PROVISIONED, Holds.FALSE, reason, said)
    else:
        there = Condition(PROVISIONED, Holds.TRUE, "Provisioned", f"Account {account.id}")
    fields = {"accountId": account.id} if account is not None else {}
    return Status((Condition(READY, Holds.FALSE, reason, said), there), fields)


def unavailable(resource: Resource, fault: Unavailable) -> Status:
    """The status while it cannot be told how things are. What was known stays said."""
    reason = f"{fault.part.capitalize()}Unavailable"
    there = find(resource.status, PROVISIONED) or Condition(
        PROVISIONED, Holds.UNKNOWN, reason, fault.detail
    )
    return Status((Condition(READY, Holds.UNKNOWN, reason, fault.detail), there))


def shown(refusal: Refused) -> str:
    return f"{refusal.detail} ({refusal.code})" if refusal.detail else refusal.code


def _differing(spec: DistributorSpec, account: Account) -> list[str]:
    pairs = {
        "e-mail address": (spec.email, account.email),
        "display name": (spec.display_name, account.display_name),
        _SUSPENSION: (spec.suspended or account.moderated, account.suspended),
    }
    return [name for name, (wanted, found) in pairs.items() if wanted != found]
