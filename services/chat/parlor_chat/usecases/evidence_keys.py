"""The public keys that evidence is signed with: introduced once each, then readable for good.

Whoever signs introduces its key before; the audit log says so, hence nobody brings in a key
unseen. The admin route hands the keys out for `parlor verify-audit` and `parlor verify-manifest`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from parlor_kit.clock import now
from parlor_kit.database import Database

from parlor_chat.signing import PublicKey, Signer
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_trail import Actor

_INTRODUCE = """
INSERT INTO evidence_keys (kid, public_key, introduced_at) VALUES ($1, $2, $3)
ON CONFLICT (kid) DO NOTHING RETURNING true
"""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key, and since when it signs here."""

    key: PublicKey
    introduced_at: datetime


class EvidenceKeys:
    """The keys of this process and of those before it."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._key = signer.public_key
        self._introduced = False

    async def introduce(self) -> None:
        """Make this process's key known, before the first statement that it signs."""
        if self._introduced:
            return
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            fresh = await connection.fetchval(_INTRODUCE, self._key.kid, self._key.raw, now())
            if fresh:
                await audit_trail.record(
                    connection,
                    "evidence_key.introduced",
                    Actor("chat", "service"),
                    details=self._key.jwk,
                )
        self._introduced = True

    async def all(self) -> Sequence[KnownKey]:
        """Every key that signs or has signed, oldest first."""
        await self.introduce()
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT public_key, introduced_at FROM evidence_keys ORDER BY introduced_at, kid"
            )
        return [KnownKey(PublicKey(row["public_key"]), row["introduced_at"]) for row in rows]
