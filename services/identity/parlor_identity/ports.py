"""What the use cases need from outside: a hasher of passwords, and keys that sign."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from parlor_kit.principal import Role


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of checking a password. `rehashed` is set when the parameters have changed."""

    right: bool
    rehashed: str | None = None


class PasswordHasher(Protocol):
    """Hashes off the event loop, a bounded number at a time.

    Each method raises `Overloaded` rather than let the queue grow without bound.
    """

    async def hash(self, password: str) -> str: ...

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Check against a stored hash; against a dummy of the same cost when there is none."""


class AccessTokens(Protocol):
    """Signs access tokens with the key whose turn it is."""

    @property
    def lifetime(self) -> int:
        """Seconds for which a token is good."""

    def issue(self, account_id: UUID, role: Role, session_id: UUID) -> str: ...


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """A JWKS document and its entity tag."""

    content: bytes
    etag: str


class PublishedKeys(Protocol):
    """The public halves of the signing keys."""

    @property
    def document(self) -> KeyDocument: ...
