"""Whether a credential still stands: Kubernetes' TokenReview, on top of the offline verification.

A projected token that is verified offline stays good until its `exp`, even when its pod is gone.
With SIDECAR_REVIEW_URL set, a token that has passed `parlor_kit.tokens` is also shown to the API
server, which knows. An answer holds for a minute and never past `exp`; no answer is no access.
Only tokens with a right signature are shown, so a stranger cannot make us ask.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from parlor_kit.jwks import Clock
from parlor_kit.tokens import Claims, KeysUnavailable, TokenInvalid

log = logging.getLogger(__name__)

Ask = Callable[[bytes], Awaitable[bytes]]


class CredentialVerifier(Protocol):
    """What `decision.Gate` needs to know of credentials."""

    def cached(self, token: str) -> Claims | None:
        """What `verify` already found, if it still holds."""

    async def verify(self, token: str) -> Claims:
        """Who the token speaks for; raises as `parlor_kit.tokens.Verifier.verify` does."""


class _Remembered(NamedTuple):
    stands: bool
    until: float


class Reviewed:
    """A verifier whose tokens must also stand in the eyes of the API server."""

    def __init__(
        self,
        verifier: CredentialVerifier,
        ask: Ask,
        *,
        audience: str,
        remember_seconds: float = 60,
        cache_size: int = 1000,
        clock: Clock = time.time,
    ) -> None:
        self._verifier = verifier
        self._ask = ask
        self._audience = audience
        self._remember_seconds = remember_seconds
        self._cache_size = cache_size
        self._clock = clock
        self._known: OrderedDict[str, _Remembered] = OrderedDict()
        self._asking: dict[str, asyncio.Task[bool]] = {}

    def cached(self, token: str) -> Claims | None:
        known = self._known.get(token)
        if known is None or not known.stands or self._clock() >= known.until:
            return None
        return self._verifier.cached(token)

    async def verify(self, token: str) -> Claims:
        claims = await self._verifier.verify(token)
        known = self._known.get(token)
        if known is not None and self._clock() < known.until:
            stands = known.stands
        else:
            stands = await self._share(token, claims)
        if not stands:
            raise TokenInvalid("revoked")
        return claims

    async def _share(self, token: str, claims: Claims) -> bool:
        """Ask once for a token, however many requests wait for the answer."""
        task = self._asking.get(token)
        if task is None:
            task = asyncio.create_task(self._review(token, claims), name="token review")
            self._asking[token] = task
            task.add_done_callback(lambda _: self._asking.pop(token, None))
        return await asyncio.shield(task)

    async def _review(self, token: str, claims: Claims) -> bool:
        question = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        try:
            answer = json.loads(await self._ask(json.dumps(question).encode()))
            stands = self._reads(answer, claims)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            log.warning("a token could not be reviewed: %s", error)
            raise KeysUnavailable("the API server does not review") from None
        until = min(self._clock() + self._remember_seconds, claims.exp)
        self._known[token] = _Remembered(stands, until)
        while len(self._known) > self._cache_size:
            self._known.popitem(last=False)
        return stands

    def _reads(self, answer: object, claims: Claims) -> bool:
        """Whether the answer says, in full, what we asked; anything less is a no."""
        status = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(status, dict):
            raise ValueError("the answer is no TokenReview")
        audiences, user = status.get("audiences"), status.get("user")
        return (
            status.get("authenticated") is True
            and not status.get("error")
            # An API server that knows no audiences leaves the list out: then it checked none.
            and isinstance(audiences, list)
            and self._audience in audiences
            and isinstance(user, dict)
            and user.get("username") == claims.sub
        )
