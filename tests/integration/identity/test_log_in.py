"""What login leaves in the database, and what may change under it while it hashes."""

import asyncio
from collections.abc import Awaitable, Callable

import argon2
import pytest
from factories.identity_composed import HERE, Composed
from factories.identity_replicas import new_password
from parlor_identity.errors import InvalidCredentials
from parlor_identity.models import AccountStatus
from parlor_identity.ports import PasswordHasher, Verified
from parlor_identity.refresh_tokens import RefreshTokens
from parlor_identity.throttling import Throttling, rules
from parlor_identity.usecases.log_in import LogIn
from parlor_identity.usecases.sessions import Lifetimes

pytestmark = pytest.mark.integration


class Interrupted:
    """A hasher that lets something happen between the hash and what follows it."""

    def __init__(self, inner: PasswordHasher, happening: Callable[[], Awaitable[object]]) -> None:
        self._inner = inner
        self._happening = happening

    async def hash(self, password: str) -> str:
        return await self._inner.hash(password)

    async def verify(self, stored: str | None, password: str) -> Verified:
        verified = await self._inner.verify(stored, password)
        await self._happening()
        return verified


def interrupted(composed: Composed, happening: Callable[[], Awaitable[object]]) -> LogIn:
    settings = composed.settings
    secret = settings.secret_key
    made = rules(
        pair=5,
        account=10,
        address=50,
        first=settings.identity_first_delay,
        longest=settings.identity_longest_delay,
    )
    return LogIn(
        composed.database,
        Interrupted(composed.identity.hasher, happening),
        Throttling(secret, made),
        RefreshTokens(secret),
        composed.identity.keys,
        Lifetimes(settings.identity_refresh_ttl, settings.identity_session_ttl),
    )


async def test_a_hash_of_older_parameters_is_replaced_at_the_next_login(
    composed: Composed,
) -> None:
    account_id, email, password = await composed.register()
    old = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(password)
    await composed.rows("UPDATE accounts SET password_hash = $2 WHERE id = $1", account_id, old)
    await composed.log_in(email, password)
    stored = await composed.rows("SELECT password_hash FROM accounts WHERE id = $1", account_id)
    assert stored[0]["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await composed.log_in(email, password)


async def test_a_rehash_does_not_undo_a_password_that_was_set_meanwhile(
    composed: Composed,
) -> None:
    account_id, email, password = await composed.register()
    old = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(password)
    await composed.rows("UPDATE accounts SET password_hash = $2 WHERE id = $1", account_id, old)
    other, new = await composed.principal(await composed.log_in(email, password)), new_password()

    async def set_another() -> None:
        await composed.identity.services.change_password(
            other, current=password, new=new, address=HERE.address
        )

    with pytest.raises(InvalidCredentials):
        await interrupted(composed, set_another)(email, password, HERE)
    await composed.log_in(email, new)
    going_on = await composed.rows(
        "SELECT id FROM sessions WHERE account_id = $1 AND ended_at IS NULL", account_id
    )
    assert len(going_on) == 2


async def test_no_session_begins_once_an_account_is_disabled(composed: Composed) -> None:
    account_id, email, password = await composed.register()
    admin = await composed.admin()

    async def disable() -> None:
        await composed.identity.services.change_status(admin, account_id, AccountStatus.DISABLED)

    with pytest.raises(InvalidCredentials):
        await interrupted(composed, disable)(email, password, HERE)
    assert await composed.rows("SELECT id FROM sessions WHERE account_id = $1", account_id) == []


async def test_logins_and_a_disabling_that_race_leave_no_session_behind(
    composed: Composed,
) -> None:
    account_id, email, password = await composed.register()
    admin = await composed.admin()
    await asyncio.gather(
        *(composed.log_in(email, password) for _ in range(12)),
        composed.identity.services.change_status(admin, account_id, AccountStatus.DISABLED),
        return_exceptions=True,
    )
    going_on = await composed.rows(
        "SELECT id FROM sessions WHERE account_id = $1 AND ended_at IS NULL", account_id
    )
    assert going_on == []


async def test_two_admins_who_disable_each_other_do_not_both_succeed(composed: Composed) -> None:
    one, two = await composed.admin(), await composed.admin()
    change = composed.identity.services.change_status
    outcomes = await asyncio.gather(
        change(one, two.id, AccountStatus.DISABLED),
        change(two, one.id, AccountStatus.DISABLED),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Exception) for outcome in outcomes) == 1
    left = await composed.rows(
        "SELECT id FROM accounts WHERE id = ANY($1::uuid[]) AND status = 'active'",
        [one.id, two.id],
    )
    assert len(left) == 1
