"""How failed logins slow down further ones: by account, by address, and by the two together.

Three counters see every failed login. Each lets some failures pass and then blocks for a delay
that doubles with every further one, up to a bound; with time failures are forgiven, one by one.

    pair      one account from one address     the one that stops ordinary guessing
    account   one account from anywhere        stops guessing from many addresses
    address   any account from one address     stops trying one password on many accounts

A lockout must not become a way to lock people out (keycloak#26172). So failures from elsewhere
never refuse an address from which the account's owner has logged in before: there, `pair` alone
decides. For all other addresses the account's delay is bounded by five minutes. What is counted
is the e-mail as it was typed, so an account that does not exist is locked just the same.

Counting and deciding happen after the hash, under the row locks of the counters: a login that
comes out after its counter has filled up is told "too many" whether its password was right or
not. A thousand guesses sent at the same moment get as many answers as a thousand sent in turn,
and right passwords sent at the same moment never count against each other.

Pure: `usecases.log_in` reads and writes the rows.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum


class Scope(IntEnum):
    """What a counter counts. The order is the order in which rows are locked."""

    PAIR = 1
    ACCOUNT = 2
    ADDRESS = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` failures pass; then delays double from `first` to `longest`."""

    free: int
    first: timedelta
    longest: timedelta
    forgives: timedelta

    def delay(self, failures: int) -> timedelta:
        """How long the last of so many failures blocks."""
        if failures < self.free:
            return timedelta()
        doubled = self.first * 2.0 ** min(failures - self.free, 30)
        return min(doubled, self.longest)


@dataclass(frozen=True, slots=True)
class Count:
    """A counter as its row holds it."""

    failures: int
    failed_at: datetime
    blocked_until: datetime | None

    def blocked(self, now: datetime) -> timedelta:
        """How long it goes on refusing."""
        left = (self.blocked_until - now) if self.blocked_until else timedelta()
        return max(left, timedelta())

    def after_failure(self, rule: Rule, now: datetime) -> "Count":
        """The counter after one more failure at `now`; a blocked one does not move."""
        if self.blocked(now):
            return self
        forgiven = max(math.floor((now - self.failed_at) / rule.forgives), 0)
        failures = max(self.failures - forgiven, 0) + 1
        delay = rule.delay(failures)
        return Count(failures, now, now + delay if delay else None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The counters that one login concerns, as keyed digests that name nobody."""

    keys: Mapping[Scope, str]
    address: str

    def deciding(self, known_address: bool) -> list[str]:
        """The counters that may refuse this login."""
        if known_address:
            return [self.keys[Scope.PAIR]]
        return list(self.keys.values())

    @property
    def cleared(self) -> list[str]:
        """The counters that a right password sets back: never the address's."""
        return [self.keys[Scope.PAIR], self.keys[Scope.ACCOUNT]]


class Throttling:
    """The rules of a deployment, and the keys of its counters."""

    def __init__(self, secret_key: bytes, rules: Mapping[Scope, Rule]) -> None:
        self.rules = rules
        self._key = hashlib.blake2b(secret_key, digest_size=32, person=b"parlor-throttle").digest()

    def attempt(self, email: str, address: str) -> Attempt:
        return Attempt(
            {
                Scope.PAIR: self._digest(Scope.PAIR, email, address),
                Scope.ACCOUNT: self._digest(Scope.ACCOUNT, email),
                Scope.ADDRESS: self._digest(Scope.ADDRESS, address),
            },
            self.address(address),
        )

    def address(self, address: str) -> str:
        """What is stored of an address from which an owner logs in."""
        return hashlib.blake2b(address.encode(), digest_size=16, key=self._key).hexdigest()

    def rule(self, key: str) -> Rule:
        """The rule of the counter that `key` names: its first digit is the scope."""
        return self.rules[Scope(int(key[0]))]

    def _digest(self, scope: Scope, *parts: str) -> str:
        text = "\n".join(parts).encode()
        return f"{int(scope)}:{hashlib.blake2b(text, digest_size=20, key=self._key).hexdigest()}"


def rules(
    *, pair: int, account: int, address: int, first: timedelta, longest: timedelta
) -> dict[Scope, Rule]:
    """The three rules. An account's delays are shorter: a stranger can cause them."""
    short = min(longest, timedelta(minutes=5))
    return {
        Scope.PAIR: Rule(pair, first, longest, forgives=longest),
        Scope.ACCOUNT: Rule(account, first, short, forgives=short),
        Scope.ADDRESS: Rule(address, first, short, forgives=min(short, timedelta(minutes=1))),
    }


def retry_after(left: timedelta) -> int:
    """Whole seconds for a Retry-After header, never too few."""
    return max(math.ceil(left.total_seconds()), 1)
