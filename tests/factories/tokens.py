"""Access tokens of users for tests that run a service without identity."""

from __future__ import annotations

import time
import uuid
from typing import Any

from factories.signing import SigningKey, ed25519_key

ISSUER = "https://parlor.dev/identity"
AUDIENCE = "parlor"


class UserTokens:
    """An issuer of user tokens with a key of its own."""

    def __init__(self) -> None:
        self._key: SigningKey = ed25519_key("users-1")

    def jwks(self) -> dict[str, Any]:
        """What identity would publish."""
        return {"keys": [self._key.jwk]}

    def token(self, role: str, user_id: uuid.UUID | str, **changes: Any) -> str:
        """A valid access token; a change of None leaves the claim out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "role": role,
            "iat": now,
            "exp": now + 900,
            "jti": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
        } | changes
        return self._key.sign({name: value for name, value in claims.items() if value is not None})
