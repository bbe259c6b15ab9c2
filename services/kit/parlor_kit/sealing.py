"""Seals what must be returned again but never stored readable, and keys the digests of bodies.

An idempotent answer may hold a secret that is shown once (an invite token, a first password). It
is stored under Fernet (AES-128-CBC with HMAC-SHA256) so that a copy of the database gives nothing
away; a body digest is keyed, since a body may hold a password that a plain hash would expose.
"""

import base64
import hashlib

from cryptography.fernet import Fernet

__all__ = ["Sealer"]


class Sealer:
    """Two keys drawn from the service's secret key, one a purpose."""

    def __init__(self, secret_key: bytes) -> None:
        seal = hashlib.blake2b(secret_key, digest_size=32, person=b"parlor-seal").digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(seal))
        self._digest_key = hashlib.blake2b(
            secret_key, digest_size=32, person=b"parlor-digest"
        ).digest()

    def seal(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """The sealed bytes; raises `cryptography.fernet.InvalidToken` after a key change."""
        return self._fernet.decrypt(sealed)

    def digest(self, body: bytes) -> bytes:
        """A 32-byte keyed digest: equal for equal bodies, useless without the key."""
        return hashlib.blake2b(body, digest_size=32, key=self._digest_key).digest()
