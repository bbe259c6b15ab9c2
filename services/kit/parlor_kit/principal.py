"""Who is calling: a user by access token, or a service by the sidecar's header.

The actor of every request is the subject of its credential, nothing else. Services verify user
tokens against identity's published keys; identity itself gives its own keys to the same verifier.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from parlor_kit.errors import DependencyUnavailable, Unauthenticated
from parlor_kit.ids import parse_id
from parlor_kit.tokens import Claims, KeysUnavailable, TokenInvalid, TokenMissing, Verifier

USER_AUDIENCE = "parlor"
SERVICE_HEADER = "x-service-identity"
USER_HEADER = "user-authorization"


class Role(StrEnum):
    """What an account may be. A role never changes."""

    ADMIN = "admin"
    MODERATOR = "moderator"
    DISTRIBUTOR = "distributor"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user with a valid access token; `token` is kept to act for them on internal routes."""

    id: UUID
    role: Role
    session_id: str
    token: str

    def __repr__(self) -> str:
        return f"Principal({self.role} {self.id})"


@dataclass(frozen=True, slots=True)
class ServiceCaller:
    """A service that the sidecar authenticated: `name` of the service account in our namespace."""

    subject: str

    @property
    def name(self) -> str:
        return self.subject.rpartition(":")[2]


def bearer(header: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header (RFC 6750, section 2.1)."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


class Users:
    """Turns access tokens into principals."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def authenticate(self, token: str | None) -> Principal:
        """The user that `token` speaks for.

        Raises:
            Unauthenticated: no token, or one that is not valid now.
            DependencyUnavailable: the signing keys cannot be had.
        """
        if token is None:
            raise Unauthenticated()
        try:
            claims = self._verifier.cached(token) or await self._verifier.verify(token)
        except (TokenMissing, TokenInvalid) as wrong:
            raise Unauthenticated() from wrong
        except KeysUnavailable as fault:
            raise DependencyUnavailable("Tokens cannot be checked at the moment") from fault
        return _principal(claims, token)


def _principal(claims: Claims, token: str) -> Principal:
    subject = parse_id(claims.sub)
    try:
        role = Role(claims.get("role", ""))
    except ValueError as wrong:
        raise Unauthenticated() from wrong
    if subject is None:
        raise Unauthenticated()
    return Principal(subject, role, str(claims.get("sid", "")), token)
