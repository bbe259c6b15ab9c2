"""Refresh tokens: opaque, 32 bytes, stored only as SHA-256, each good for one successor.

The successor of a token is an HMAC of the token's hash under a key of this service. So it can be
given again when an answer was lost, by any replica and as often as asked within the grace, while
nothing readable is ever stored; and two refreshes of one token can never begin two chains.
"""

import base64
import hashlib
import hmac
import secrets


class RefreshTokens:
    """Makes first tokens, successors and hashes."""

    def __init__(self, secret_key: bytes) -> None:
        self._key = hashlib.blake2b(secret_key, digest_size=32, person=b"parlor-refresh").digest()

    def first(self) -> str:
        """A new token that nothing precedes."""
        return secrets.token_urlsafe(32)

    def successor(self, token: str) -> str:
        """The one token that follows `token`."""
        digest = hmac.digest(self._key, f"successor of {self.hash(token)}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    @staticmethod
    def hash(token: str) -> str:
        """What is stored. The token is random, so one fast round is enough."""
        return hashlib.sha256(token.encode()).hexdigest()
