"""The public keys of an issuer: fetched, refreshed, rotated, and refused when they grow too old.

Every process that verifies a token asks here for the key a token names: the sidecar for service
credentials, the services for users' access tokens. A `KeySet` must never let a stranger's token
decide how often the issuer is asked (an unknown `kid` costs at most one fetch a window), must
never hand out a key that could sign as well as verify, and must never keep believing keys that
it could not confirm for `max_age_seconds`: after that it fails closed.

Light on purpose: the sidecar imports this within a budget of 45 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from parlor_kit.fetching import Fetcher

log = logging.getLogger(__name__)

MAX_KEYS = 100
MAX_KID_LENGTH = 256
MIN_RSA_BITS = 2048
FIRST_RETRY_SECONDS = 0.25
LAST_RETRY_SECONDS = 2.0

Clock = Callable[[], float]
Fetch = Callable[[], Awaitable[bytes]]


class UnknownKey(Exception):
    """The issuer was asked lately enough, and has no key of that name."""


class KeysUnavailable(Exception):
    """No key may be trusted now: never loaded, or too long unconfirmed. Try again later."""


class KeySource(Protocol):
    """Where a verifier takes keys from."""

    @property
    def loaded(self) -> bool:
        """Whether keys are held that may still be trusted."""

    @property
    def generation(self) -> int:
        """Moves whenever a key is withdrawn or replaced: whatever it had verified is void."""

    async def key(self, kid: str) -> jwt.PyJWK:
        """Return the key of that name, or raise `UnknownKey` or `KeysUnavailable`."""


def parse(document: bytes) -> dict[str, jwt.PyJWK]:
    """Read a JWKS document; an entry that cannot verify signatures safely is left out."""
    body = json.loads(document)
    entries = body.get("keys") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the key set has no list of keys")
    keys: dict[str, jwt.PyJWK] = {}
    for entry in entries[:MAX_KEYS]:
        key = _usable(entry)
        if key is not None and key.key_id is not None:
            keys[key.key_id] = key
    if not keys:
        raise ValueError("the key set has no usable key")
    return keys


def _usable(entry: object) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or entry.get("kty") not in ("EC", "RSA", "OKP"):
        return None
    kid = entry.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if entry.get("use", "sig") != "sig":
        return None
    if "d" in entry:
        log.error("a private key is published in the key set: left out, kid=%s", kid)
        return None
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS:
        return None
    return key


def _material(keys: Mapping[str, jwt.PyJWK]) -> dict[str, str]:
    return {kid: json.dumps(key._jwk_data, sort_keys=True) for kid, key in keys.items()}


class StaticKeys:
    """Keys that are already in this process: an issuer verifying its own tokens, and tests."""

    def __init__(self, keys: Mapping[str, jwt.PyJWK]) -> None:
        self._keys = dict(keys)
        self.generation = 0
        self.loaded = True

    def replace(self, keys: Mapping[str, jwt.PyJWK]) -> None:
        """Take these keys from now on, and void what the others had verified."""
        self._keys = dict(keys)
        self.generation += 1

    async def key(self, kid: str) -> jwt.PyJWK:
        try:
            return self._keys[kid]
        except KeyError:
            raise UnknownKey(kid) from None


class KeySet:
    """The keys behind one JWKS address, kept fresh in the background."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: str | Path | None = None,
        token_file: str | Path | None = None,
        refresh_seconds: float = 60,
        min_refetch_seconds: float = 10,
        max_age_seconds: float = 3600,
        timeout: float = 3,
        clock: Clock = time.monotonic,
        fetch: Fetch | None = None,
    ) -> None:
        self.generation = 0
        self._refresh_seconds = refresh_seconds
        self._min_refetch_seconds = min_refetch_seconds
        self._max_age_seconds = max_age_seconds
        self._timeout = timeout
        self._clock = clock
        self._fetch = fetch or Fetcher(url, ca_file=ca_file, token_file=token_file, timeout=timeout)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._loaded_at: float | None = None
        self._asked_at: float | None = None
        self._last_fetch_failed = True
        self._in_flight: asyncio.Task[bool] | None = None
        self._refresher: asyncio.Task[None] | None = None

    @property
    def loaded(self) -> bool:
        return (
            self._loaded_at is not None and self._clock() - self._loaded_at <= self._max_age_seconds
        )

    async def start(self) -> None:
        """Load once, whatever comes of it, and keep refreshing until `close`."""
        await self._load()
        if self._refresher is None:
            self._refresher = asyncio.create_task(self._refresh(), name="jwks refresh")

    async def close(self) -> None:
        """Stop refreshing; keys that are held stay usable until they grow too old."""
        for task in (self._refresher, self._in_flight):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._refresher = self._in_flight = None

    async def key(self, kid: str) -> jwt.PyJWK:
        if self.loaded:
            found = self._keys.get(kid)
            if found is not None:
                return found
        await self._load_on_demand()
        if not self.loaded:
            raise KeysUnavailable("no trusted keys are held")
        found = self._keys.get(kid)
        if found is not None:
            return found
        if self._last_fetch_failed:
            raise KeysUnavailable("the issuer cannot be asked for a key that is not held")
        raise UnknownKey(kid)

    async def _load_on_demand(self) -> None:
        """Ask the issuer, unless it was asked on demand within the window; share the answer."""
        if self._in_flight is not None:
            await self._load()
            return
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < self._min_refetch_seconds:
            return
        self._asked_at = now
        await self._load()

    async def _load(self) -> bool:
        """Join the load under way, or begin one: there is never a second."""
        task = self._in_flight
        if task is None:
            task = self._in_flight = asyncio.create_task(self._load_once(), name="jwks load")
            task.add_done_callback(self._landed)
        return await asyncio.shield(task)

    def _landed(self, task: asyncio.Task[bool]) -> None:
        if self._in_flight is task:
            self._in_flight = None

    async def _load_once(self) -> bool:
        # The age counts from the question, not the answer: an answer that took long is older.
        asked = self._clock()
        try:
            async with asyncio.timeout(self._timeout + 1):
                document = await self._fetch()
            keys = parse(document)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            self._last_fetch_failed = True
            log.warning("the key set could not be loaded: %s", error)
            return False
        before, after = _material(self._keys), _material(keys)
        if any(after.get(kid) != material for kid, material in before.items()):
            self.generation += 1
        self._keys, self._loaded_at, self._last_fetch_failed = keys, asked, False
        return True

    async def _refresh(self) -> None:
        retry = FIRST_RETRY_SECONDS
        while True:
            if self._loaded_at is None:
                await asyncio.sleep(retry)
                retry = min(retry * 2, LAST_RETRY_SECONDS)
            elif self._last_fetch_failed:
                await asyncio.sleep(self._min_refetch_seconds)
            else:
                # Replicas that started together must not ask the issuer together for ever.
                await asyncio.sleep(self._refresh_seconds * random.uniform(0.8, 1.0))  # noqa: S311
            await self._load()
