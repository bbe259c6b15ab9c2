"""Who a signed token speaks for: the one verification every Parlor process uses.

The sidecar verifies service credentials with it, the services verify users' access tokens. It
must never let the token choose how it is checked: which algorithms are allowed is decided here
and matched to the type of the key, issuer and audience are given by the composition root, and
`exp` and `sub` are not optional. It must never remember a token past its `exp`, nor past the
withdrawal of the key that signed it, nor while no key may be trusted.

Light on purpose: the sidecar imports this within a budget of 45 MB.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from parlor_kit.jwks import MAX_KID_LENGTH, Clock, KeySource, KeysUnavailable, UnknownKey

__all__ = [
    "MAX_TOKEN_LENGTH",
    "Claims",
    "KeysUnavailable",
    "TokenError",
    "TokenInvalid",
    "TokenMissing",
    "Verifier",
]

MAX_TOKEN_LENGTH = 8192

# What a key must be for an algorithm of ours. No symmetric algorithm can be listed here: a public
# key used as an HMAC secret is the oldest forgery there is.
KEY_TYPES: Mapping[str, str] = {"EdDSA": "OKP", "ES256": "EC", "RS256": "RSA"}

REASONS: Mapping[type[Exception], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidIssuedAtError: "claims",
    jwt.InvalidIssuerError: "issuer",
    jwt.InvalidAudienceError: "audience",
    jwt.MissingRequiredClaimError: "claims",
    InvalidSubjectError: "claims",
    InvalidJTIError: "claims",
    jwt.InvalidSignatureError: "signature",
}


class TokenError(Exception):
    """The token does not say who speaks: the answer is 401."""


class TokenMissing(TokenError):
    """There is no token."""


class TokenInvalid(TokenError):
    """There is a token, and it is refused; `reason` is a short stable word, safe to log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Claims(Mapping[str, Any]):
    """What a verified token says. Read-only, so that a cached one stays what was verified."""

    __slots__ = ("_claims", "exp", "sub")

    exp: float
    sub: str

    def __init__(self, claims: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_claims", dict(claims))
        object.__setattr__(self, "exp", float(claims["exp"]))
        object.__setattr__(self, "sub", claims["sub"])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("claims are read-only")

    def __getitem__(self, name: str) -> Any:
        return self._claims[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._claims)

    def __len__(self) -> int:
        return len(self._claims)

    def __repr__(self) -> str:
        return f"Claims(sub={self.sub!r}, exp={self.exp})"

    _claims: dict[str, Any]


class Verifier:
    """Verifies the tokens of one issuer for one audience."""

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        algorithms: Sequence[str] = ("EdDSA", "ES256", "RS256"),
        leeway: float = 10,
        cache_size: int = 10_000,
        clock: Clock = time.time,
    ) -> None:
        if not issuer or not audience:
            raise ValueError("a verifier needs an issuer and an audience")
        if not algorithms or not set(algorithms) <= set(KEY_TYPES):
            raise ValueError(f"algorithms must be among {', '.join(KEY_TYPES)}")
        if not 0 <= leeway <= 30:
            raise ValueError("leeway must be between 0 and 30 seconds")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._algorithms = frozenset(algorithms)
        self._leeway = leeway
        self._cache_size = cache_size
        self._clock = clock
        self._cache: OrderedDict[str, Claims] = OrderedDict()
        self._generation = keys.generation

    def cached(self, token: str) -> Claims | None:
        """Return what `verify` already found, if it still holds; never waits, never raises."""
        claims = self._cache.get(token)
        if claims is None:
            return None
        if self._generation != self._keys.generation:
            self._forget()
            return None
        if not self._keys.loaded:
            return None
        if self._clock() >= claims.exp:
            del self._cache[token]
            return None
        self._cache.move_to_end(token)
        return claims

    async def verify(self, token: str) -> Claims:
        """Return who the token speaks for.

        Raises:
            TokenMissing: there is nothing to verify.
            TokenInvalid: it was verified and refused.
            KeysUnavailable: it cannot be verified now.
        """
        if not token:
            raise TokenMissing
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenInvalid("too_long")
        claims = self.cached(token)
        if claims is not None:
            return claims
        algorithm, kid = self._header(token)
        try:
            key = await self._keys.key(kid)
        except UnknownKey:
            raise TokenInvalid("unknown_key") from None
        if key.key_type != KEY_TYPES[algorithm] or key.algorithm_name != algorithm:
            raise TokenInvalid("algorithm")
        claims = self._decode(token, key, algorithm)
        self._remember(token, claims)
        return claims

    def _header(self, token: str) -> tuple[str, str]:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenInvalid("malformed") from None
        if "crit" in header:
            raise TokenInvalid("malformed")
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise TokenInvalid("algorithm")
        if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
            raise TokenInvalid("unknown_key")
        return algorithm, kid

    def _decode(self, token: str, key: jwt.PyJWK, algorithm: str) -> Claims:
        try:
            decoded = jwt.decode(
                token,
                key=key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            claims = Claims(decoded)
        except jwt.PyJWTError as error:
            raise TokenInvalid(REASONS.get(type(error), "malformed")) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise TokenInvalid("malformed") from None
        if not isinstance(claims.sub, str) or not claims.sub:
            raise TokenInvalid("claims")
        return claims

    def _remember(self, token: str, claims: Claims) -> None:
        if self._generation != self._keys.generation:
            self._forget()
        # Within the leeway a token is accepted after its `exp`, but each time anew.
        if self._clock() >= claims.exp or self._cache_size <= 0:
            return
        self._cache[token] = claims
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)

    def _forget(self) -> None:
        self._cache.clear()
        self._generation = self._keys.generation
