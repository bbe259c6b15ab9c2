"""Argon2id in a thread pool of its own: the `PasswordHasher` that `bootstrap` gives to use cases.

OWASP's parameters (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html):
19 MiB, two passes, one lane. The C code releases the interpreter lock, so the event loop goes on.
As many run at a time as there are CPUs; a bounded number waits, the rest is refused at once.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from parlor_kit.metrics import REGISTRY
from prometheus_client import Counter

from parlor_identity import passwords
from parlor_identity.errors import Overloaded
from parlor_identity.ports import Verified

Result = TypeVar("Result")

HASHES = Counter(
    "parlor_identity_password_hashes",
    "Argon2 computations, of right, wrong and unknown passwords alike.",
    registry=REGISTRY,
)
REFUSED = Counter(
    "parlor_identity_password_hashes_refused",
    "Logins and registrations refused since too many waited.",
    registry=REGISTRY,
)


class Argon2Hasher:
    """See the module."""

    def __init__(
        self,
        *,
        parallelism: int,
        queue: int,
        memory_kib: int = 19 * 1024,
        passes: int = 2,
    ) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, hash_len=32, salt_len=16
        )
        self._pool = ThreadPoolExecutor(parallelism, thread_name_prefix="argon2")
        self._most = parallelism + queue
        self._pending = 0
        # Nobody knows its password; checking against it costs what any other check costs.
        self._dummy = self._argon2.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hash(password))

    async def verify(self, stored: str | None, password: str) -> Verified:
        return await self._run(lambda: self._verify(stored, password))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._pending >= self._most:
            REFUSED.inc()
            raise Overloaded()
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._pending -= 1

    def _hash(self, password: str) -> str:
        HASHES.inc()
        return self._argon2.hash(passwords.normalised(password))

    def _verify(self, stored: str | None, password: str) -> Verified:
        HASHES.inc()
        try:
            self._argon2.verify(stored or self._dummy, passwords.normalised(password))
        except (VerificationError, InvalidHashError):
            return Verified(right=False)
        if stored is None:
            return Verified(right=False)
        if self._argon2.check_needs_rehash(stored):
            return Verified(right=True, rehashed=self._hash(password))
        return Verified(right=True)
