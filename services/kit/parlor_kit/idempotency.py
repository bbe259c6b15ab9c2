"""Idempotency records: the first answer to a POST that created something is given again.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ — the key is claimed by
a unique row inside the request's own transaction. A second request with the key waits on that row:
after the first commits it reads the answer, after a roll-back it does the work itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from parlor_kit.answers import Answer
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import DependencyUnavailable, IdempotencyKeyReused, ValidationFailed
from parlor_kit.sealing import Sealer

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Who sent which key to which object of which route with which body."""

    scope: str
    key: str
    digest: bytes


def read_key(
    header: str | None,
    *,
    subject: UUID | None,
    route: str,
    path: str,
    body: bytes,
    sealer: Sealer,
) -> IdempotencyKey | None:
    """The key of a request, or None without the header; 422 when the header is unusable.

    The path goes in as a keyed digest, as it may hold a secret: an invite's token.
    """
    if header is None:
        return None
    if not header or len(header) > MAX_KEY_LENGTH or not header.isprintable():
        raise ValidationFailed(
            [("Idempotency-Key", f"must be 1 to {MAX_KEY_LENGTH} printable characters")]
        )
    scope = f"{subject or 'anonymous'} {route} {sealer.digest(path.encode()).hex()}"
    return IdempotencyKey(scope, header, sealer.digest(body))


Work = Callable[[Transaction], Awaitable[Answer]]


class Idempotency:
    """Runs the work of a request once a key, in one transaction with the record of its answer."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def first_answer(self, key: IdempotencyKey | None) -> Answer | None:
        """The answer that `key` had, if any, before asking others what `once` need not know.

        Raises:
            IdempotencyKeyReused: the key came with another body before.
        """
        if key is None:
            return None
        async with self._database.transaction() as transaction:
            return await self._first_answer(transaction, key)

    async def once(self, key: IdempotencyKey | None, work: Work, *, secret: bool = False) -> Answer:
        """Do `work`, or give the first answer again. `secret` answers are stored sealed.

        Raises:
            IdempotencyKeyReused: the key came with another body before.
        """
        async with self._database.transaction() as transaction:
            if key is None:
                return await work(transaction)
            claimed = await transaction.connection.fetchval(
                "INSERT INTO idempotency_records (scope, key, digest, sealed, created_at) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, key) DO NOTHING RETURNING id",
                key.scope,
                key.key,
                key.digest,
                secret,
                now(),
            )
            if claimed is None:
                first = await self._first_answer(transaction, key)
                if first is None:
                    raise DependencyUnavailable("The first request with this key is gone")
                return first
            answer = await work(transaction)
            content = answer.encode()
            await transaction.connection.execute(
                "UPDATE idempotency_records SET status = $2, answer = $3, object_id = $4 "
                "WHERE id = $1",
                claimed,
                answer.status,
                self._sealer.seal(content) if secret else content,
                answer.object_id,
            )
            return answer

    async def _first_answer(self, transaction: Transaction, key: IdempotencyKey) -> Answer | None:
        row = await transaction.connection.fetchrow(
            "SELECT digest, status, answer, sealed FROM idempotency_records "
            "WHERE scope = $1 AND key = $2",
            key.scope,
            key.key,
        )
        if row is None:
            return None
        if bytes(row["digest"]) != key.digest:
            raise IdempotencyKeyReused()
        content = bytes(row["answer"])
        return Answer(row["status"], self._sealer.open(content) if row["sealed"] else content)
