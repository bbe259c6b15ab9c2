"""The signing keys as this process holds them: one copy of the table, read again every few seconds.

It signs access tokens (`AccessTokens`), publishes the public halves (`PublishedKeys`) and gives
identity's own verifier its keys (`KeySource`). A key is held by every replica for the whole overlap
before it signs, so no replica meets a token whose key it cannot have. Private keys are opened here
and never leave.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import jwt
import orjson
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from parlor_kit import logs
from parlor_kit.clock import now
from parlor_kit.database import gone_is_unavailable
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import new_id
from parlor_kit.jwks import KeysUnavailable, UnknownKey
from parlor_kit.principal import USER_AUDIENCE, Role
from parlor_kit.sealing import Sealer

from parlor_identity.models import SigningKey
from parlor_identity.ports import KeyDocument

log = logs.get("keys")

LIFETIME = 15 * 60
_REFRESH_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_MAX_AGE_SECONDS = 3600.0


@dataclass(frozen=True)
class _Held:
    kid: str
    jwk: dict[str, str]
    public: jwt.PyJWK
    private: Ed25519PrivateKey | None
    signs_from: datetime


class SigningKeys:
    """See the module."""

    lifetime = LIFETIME

    def __init__(
        self, sealer: Sealer, issuer: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.generation = 0
        self._sealer = sealer
        self._issuer = issuer
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._document = KeyDocument(b'{"keys":[]}', '"none"')
        self._loaded_at: float | None = None
        self._tried_at: float | None = None
        self._loading = asyncio.Lock()

    @property
    def loaded(self) -> bool:
        return self._loaded_at is not None and self._clock() - self._loaded_at <= _MAX_AGE_SECONDS

    @property
    def document(self) -> KeyDocument:
        if not self.loaded:
            raise DependencyUnavailable("The signing keys are not there yet")
        return self._document

    async def ready(self) -> bool:
        return self.loaded

    async def key(self, kid: str) -> jwt.PyJWK:
        """The public key `kid`; a stranger's kid costs at most one read a second."""
        held = self._held.get(kid) if self.loaded else None
        if held is None:
            await self._load_at_most_each_second()
            held = self._held.get(kid)
        if not self.loaded:
            raise KeysUnavailable("the signing keys cannot be read")
        if held is None:
            raise UnknownKey(kid)
        return held.public

    def issue(self, account_id: UUID, role: Role, session_id: UUID) -> str:
        """An access token, signed by the newest key whose time has come."""
        kid, private = self._signer()
        issued = int(time.time())
        return jwt.encode(
            {
                "iss": self._issuer,
                "aud": USER_AUDIENCE,
                "sub": str(account_id),
                "role": str(role),
                "iat": issued,
                "exp": issued + LIFETIME,
                "jti": str(new_id()),
                "sid": str(session_id),
            },
            private,
            algorithm="EdDSA",
            headers={"kid": kid},
        )

    async def load(self) -> None:
        """Take the table as it is now."""
        async with gone_is_unavailable():
            rows = await SigningKey.all().order_by("signs_from", "kid")
        held = {row.kid: self._hold(row) for row in rows}
        if any(kid not in held for kid in self._held):
            self.generation += 1
        keys = [key.jwk for key in held.values()]
        if held.keys() != self._held.keys() or self._loaded_at is None:
            content = orjson.dumps({"keys": keys})
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            self._document = KeyDocument(content, etag)
        self._held = held
        self._loaded_at = self._clock()

    async def refresh(self) -> None:
        """Read the table again and again; run in the background until cancelled."""
        while True:
            try:
                await self.load()
                delay = _REFRESH_SECONDS
            except DependencyUnavailable as fault:
                log.warning("keys.not_refreshed", fault=fault.detail)
                delay = _RETRY_SECONDS
            await asyncio.sleep(delay)

    async def _load_at_most_each_second(self) -> None:
        async with self._loading:
            at = self._clock()
            if self._tried_at is not None and at - self._tried_at < _RETRY_SECONDS:
                return
            self._tried_at = at
            try:
                await self.load()
            except DependencyUnavailable as fault:
                log.warning("keys.not_refreshed", fault=fault.detail)

    def _signer(self) -> tuple[str, Ed25519PrivateKey]:
        moment = now()
        for held in reversed(self._held.values()):
            if held.private is not None and held.signs_from <= moment:
                return held.kid, held.private
        raise DependencyUnavailable("No signing key is ready")

    def _hold(self, row: SigningKey) -> _Held:
        known = self._held.get(row.kid)
        if known is not None and known.signs_from == row.signs_from:
            return known
        private = None
        try:
            private = Ed25519PrivateKey.from_private_bytes(self._sealer.open(row.private_sealed))
        except InvalidToken:
            # Sealed under another PARLOR_SECRET_KEY: it verifies what it signed, and signs no more.
            log.error("keys.cannot_be_opened", kid=row.kid)
        jwk = orjson.loads(row.public_jwk)
        return _Held(row.kid, jwk, jwt.PyJWK(jwk), private, row.signs_from)
