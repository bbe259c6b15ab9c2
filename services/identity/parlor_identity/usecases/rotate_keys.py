"""Makes, rotates, withdraws and forgets signing keys.

Called at start (`ensure_one`), by `python -m parlor_identity rotate-keys` and by the worker
(`forget_superseded`). Nobody is logged out: a new key is published for the whole overlap before it
signs, and the one before stays published until every token that it signed has expired.
"""

import hashlib
from base64 import urlsafe_b64encode
from datetime import timedelta

import asyncpg
import orjson
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from parlor_kit import logs
from parlor_kit.database import Database, Transaction
from parlor_kit.sealing import Sealer

log = logs.get("keys")

_LOCK = 0x4B455953  # "KEYS": whoever makes or removes keys does it alone
# A key that must sign now is dated back a little: clocks of replicas may differ.
_AT_ONCE = -timedelta(minutes=5)
_INSERT = """
INSERT INTO signing_keys (kid, public_jwk, private_sealed, created_at, signs_from)
VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + $4::interval)
"""


class RotateKeys:
    """See the module. `lifetime` is how long a token is good after its key has signed it."""

    def __init__(
        self, database: Database, sealer: Sealer, *, overlap: timedelta, lifetime: timedelta
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._overlap = overlap
        self._lifetime = lifetime

    async def ensure_one(self) -> None:
        """Make a key that signs at once, unless there is one; replicas may start together."""
        async with self._database.transaction() as transaction:
            await self._lock(transaction)
            rows = await transaction.connection.fetch(
                "SELECT private_sealed FROM signing_keys WHERE signs_from <= clock_timestamp()"
            )
            if not any(self._opens(row) for row in rows):
                await self._make(transaction, _AT_ONCE)

    async def rotate(self) -> str:
        """Publish a new key that takes over after the overlap; its kid."""
        async with self._database.transaction() as transaction:
            await self._lock(transaction)
            return await self._make(transaction, self._overlap)

    async def withdraw(self) -> str:
        """Replace all keys by a new one at once: whatever they signed is void here from now on.

        For a key that may be known to others. Sessions go on: clients refresh. Other services ask
        for the keys once a minute, so there it is void a minute later; one that cannot ask trusts
        what it holds for an hour at most.
        """
        async with self._database.transaction() as transaction:
            await self._lock(transaction)
            await transaction.connection.execute("DELETE FROM signing_keys")
            return await self._make(transaction, _AT_ONCE)

    async def forget_superseded(self) -> None:
        """Remove keys whose successor has signed for longer than a token lives."""
        async with self._database.transaction() as transaction:
            await self._lock(transaction)
            gone = await transaction.connection.fetch(
                "DELETE FROM signing_keys AS old WHERE EXISTS (SELECT FROM signing_keys AS new "
                "WHERE new.signs_from > old.signs_from AND new.signs_from <= now() - $1::interval) "
                "RETURNING kid",
                self._lifetime + timedelta(minutes=5),
            )
        for row in gone:
            log.info("keys.forgotten", kid=row["kid"])

    async def _lock(self, transaction: Transaction) -> None:
        await transaction.connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)

    async def _make(self, transaction: Transaction, overlap: timedelta) -> str:
        private = Ed25519PrivateKey.generate()
        x = urlsafe_b64encode(private.public_key().public_bytes_raw()).rstrip(b"=").decode()
        # The key's thumbprint is its name: https://www.rfc-editor.org/rfc/rfc7638
        essence = {"crv": "Ed25519", "kty": "OKP", "x": x}
        digest = hashlib.sha256(orjson.dumps(essence)).digest()
        kid = urlsafe_b64encode(digest).rstrip(b"=").decode()
        jwk = {**essence, "kid": kid, "use": "sig", "alg": "EdDSA"}
        await transaction.connection.execute(
            _INSERT,
            kid,
            orjson.dumps(jwk).decode(),
            self._sealer.seal(private.private_bytes_raw()),
            overlap,
        )
        log.info("keys.made", kid=kid, signs_in=max(overlap.total_seconds(), 0))
        return kid

    def _opens(self, row: asyncpg.Record) -> bool:
        try:
            self._sealer.open(row["private_sealed"])
        except InvalidToken:
            return False
        return True
