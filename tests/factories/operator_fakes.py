"""Identity, chat and a cluster in memory, as the operator's controllers see them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from parlor_kit.clock import now
from parlor_kit.metrics import REGISTRY
from parlor_operator.conditions import Holds, write
from parlor_operator.errors import Gone, Refused, Unavailable
from parlor_operator.ports import (
    SECRET_TAKEN,
    Account,
    Hold,
    Login,
    Owner,
    WantedAccount,
    WantedHold,
)
from parlor_operator.reconcile.resource import Outcome, Resource


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Fuse:
    """Burns at the n-th call, before or after its effect."""

    at: int | None = None
    after: bool = False
    calls: int = 0

    def before(self) -> None:
        self.calls += 1
        if self.at == self.calls and not self.after:
            raise Crash

    def done(self) -> None:
        if self.at == self.calls and self.after:
            raise Crash


@dataclass
class FakeAccounts:
    """Keeps identity's promises: one account a uid, no address twice, passwords until a login.

    What moderators suspended stays disabled; what was left to the admins is not found, until put.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    logged_in: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    released: dict[str, bool] = field(default_factory=dict)
    moderated: set[str] = field(default_factory=set)
    let_go: set[str] = field(default_factory=set)
    puts: int = 0
    away: bool = False
    fuse: Fuse = field(default_factory=Fuse)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def find(self, uid: str) -> Account | None:
        self._answer()
        return None if uid in self.let_go else self.accounts.get(uid)

    async def put(self, uid: str, wanted: WantedAccount) -> Account:
        self._answer()
        others = {a.email for key, a in self.accounts.items() if key != uid}
        if wanted.email in self.taken | others:
            raise Refused("identity", "email_taken", "Another account has this e-mail address")
        self.fuse.before()
        self.puts += 1
        present = self.accounts.get(uid)
        moderated = uid in self.moderated
        account = Account(
            present.id if present else str(uuid4()),
            wanted.email,
            wanted.display_name,
            wanted.suspended or moderated,
            moderated,
        )
        self.accounts[uid] = account
        self.let_go.discard(uid)
        password = None
        if present is None or (wanted.first_password and uid not in self.logged_in):
            password = self.passwords[uid] = f"password-{next(self._numbers)}"
        self.fuse.done()
        return replace(account, first_password=password)

    async def release(self, uid: str, *, disable: bool) -> None:
        self._answer()
        if uid not in self.accounts:
            raise Gone
        self.released[uid] = disable

    def moderate(self, uid: str) -> None:
        """Moderators suspend the account."""
        self.moderated.add(uid)
        self.accounts[uid] = replace(self.accounts[uid], suspended=True, moderated=True)

    def lift(self, uid: str) -> None:
        """An admin lifts that; the account waits for what its resource says."""
        self.moderated.discard(uid)
        self.accounts[uid] = replace(self.accounts[uid], moderated=False)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("identity", "identity is not answering")


@dataclass
class FakeSecrets:
    logins: dict[tuple[str, str], Login] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    writes: int = 0
    fuse: Fuse = field(default_factory=Fuse)

    async def find(self, namespace: str, name: str) -> Login | None:
        return self.logins.get((namespace, name))

    async def write(self, name: str, owner: Owner, login: Login) -> None:
        self.fuse.before()
        if name in self.taken:
            raise Refused("cluster", SECRET_TAKEN, f"Secret {name} belongs to somebody else")
        self.writes += 1
        self.logins[(owner.namespace, name)] = login
        self.owners[name] = owner
        self.fuse.done()

    async def remove(self, namespace: str, name: str) -> None:
        self.logins.pop((namespace, name), None)


@dataclass
class FakeHolds:
    """Keeps chat's promises: what was released stays released, an orphan stays an orphan."""

    holds: dict[UUID, Hold] = field(default_factory=dict)
    scopes: dict[UUID, set[str]] = field(default_factory=dict)
    conversations: set[str] = field(default_factory=set)
    puts: int = 0
    away: bool = False
    grace_ends: str | None = None
    fuse: Fuse = field(default_factory=Fuse)

    async def find(self, key: UUID) -> Hold | None:
        self._answer()
        return self.holds.get(key)

    async def put(self, key: UUID, wanted: WantedHold) -> Hold:
        self._answer()
        present = self.holds.get(key)
        if present is not None and present.orphaned:
            raise Refused("chat", "hold_orphaned", "The resource of this hold was deleted")
        if present is not None and not present.active and not wanted.released:
            raise Refused("chat", "hold_released", "A released hold stays released")
        self.fuse.before()
        self.puts += 1
        named = set(wanted.conversation_ids)
        self.scopes[key] = self.scopes.get(key, set()) | named
        hold = Hold(
            id=present.id if present else str(uuid4()),
            active=not wanted.released,
            orphaned=False,
            conversations=0 if wanted.released else len(named & self.conversations),
            messages=0,
            missing=tuple(sorted(named - self.conversations)),
            released_by="operator" if wanted.released else None,
            protects_until=self.grace_ends if wanted.released else None,
        )
        self.holds[key] = hold
        self.fuse.done()
        return hold

    async def orphan(self, key: UUID) -> None:
        self._answer()
        if key not in self.holds:
            raise Gone
        self.holds[key] = replace(self.holds[key], orphaned=True)

    def release_out_of_band(self, key: UUID, by: str = "somebody") -> None:
        self.holds[key] = replace(self.holds[key], active=False, released_by=by)

    @property
    def standing(self) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.active]

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("chat", "chat is not answering")


def resource_of(kind: str, uid: str, **spec: Any) -> Resource:
    return Resource(kind, "shops", "card-shop", uid, 1, spec, {})


def after(resource: Resource, outcome: Outcome) -> Resource:
    """The resource with the status that the outcome makes."""
    status: dict[str, Any] = dict(resource.status)
    if outcome.status is not None:
        write(status, outcome.status, resource.generation, now())
    return replace(resource, status=status)


def changed(resource: Resource, **spec: Any) -> Resource:
    """The resource with another spec."""
    return replace(resource, spec={**resource.spec, **spec}, generation=resource.generation + 1)


def counted(kind: str) -> float:
    """Of how many resources of a kind the gauge tells, whatever Ready says of them."""
    said = (
        REGISTRY.get_sample_value("parlor_operator_resources", {"kind": kind, "ready": ready})
        for ready in Holds
    )
    return sum(value or 0.0 for value in said)
