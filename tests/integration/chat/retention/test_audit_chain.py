"""The audit log is one chain, forged by the database, that the service's role can only add to."""

import asyncio
import hashlib
import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.chat_archive import ADMIN, FRESH, converse
from parlor_chat.usecases import audit_trail
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database
from parlor_kit.errors import DependencyUnavailable

pytestmark = pytest.mark.integration

_CHAIN_LOCK = 1096107081
_NASTY = 'say "no" \\ to\ttabs\r\n\x01\x1f\x7f, line\u2028separators, \u00e9 and \U0001f0a1'


FORBIDDEN = (
    "UPDATE audit_records SET reason = 'another'",
    "UPDATE audit_records SET position = 7",
    "DELETE FROM audit_records",
    "TRUNCATE audit_records",
    "ALTER TABLE audit_records DISABLE TRIGGER ALL",
    "DROP TRIGGER chained ON audit_records",
    "SET session_replication_role = replica",
    "UPDATE audit_heads SET position = 0",
    "DELETE FROM audit_heads",
    "TRUNCATE audit_heads",
    "UPDATE evidence_keys SET public_key = ''",
    "DELETE FROM evidence_keys",
    "TRUNCATE evidence_keys",
)


async def record(database: Database, **options: Any) -> None:
    async with database.transaction() as transaction:
        await audit_trail.record(transaction.connection, "thing.done", ADMIN, **options)


async def chain(rows: asyncpg.Connection) -> list[asyncpg.Record]:
    return list(await rows.fetch("SELECT * FROM audit_records ORDER BY position"))


def recomputed(row: asyncpg.Record) -> str:
    """The hash of a record by the documented format, not by the code that made it."""
    content = {
        name: str(value) if name.endswith("_id") and value is not None else value
        for name, value in dict(row).items()
        if name not in {"id", "sha256"}
    }
    content |= {"at": rfc3339(row["at"]), "details": json.loads(row["details"])}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def test_concurrent_writers_make_one_chain(
    database: Database, rows: asyncpg.Connection
) -> None:
    async def write(number: int) -> None:
        for _ in range(10):
            async with database.transaction() as transaction:
                for _ in range(1 + number % 2):
                    await audit_trail.record(
                        transaction.connection, "thing.done", ADMIN, details={"by": number}
                    )

    await asyncio.gather(*(write(number) for number in range(20)))
    found = await chain(rows)
    assert [row["position"] for row in found] == list(range(1, 301))
    assert [row["previous_sha256"] for row in found] == [
        "0" * 64,
        *(row["sha256"] for row in found[:-1]),
    ]
    assert all(row["sha256"] == recomputed(row) for row in found)


async def test_any_text_has_the_hash_that_the_format_says(
    database: Database, rows: asyncpg.Connection
) -> None:
    await record(
        database,
        reason=_NASTY,
        matter=_NASTY,
        user_id=uuid4(),
        run_id=uuid4(),
        details={"é": [_NASTY, None, True, -7], "a": {"z": 1, "b": {}}},
    )
    (found,) = await chain(rows)
    assert found["sha256"] == recomputed(found)


async def test_what_is_rolled_back_leaves_no_gap(
    database: Database, rows: asyncpg.Connection
) -> None:
    await record(database)
    with suppress(RuntimeError):
        async with database.transaction() as transaction:
            await audit_trail.record(transaction.connection, "thing.done", ADMIN)
            raise RuntimeError("changed my mind")
    await record(database)
    assert [row["position"] for row in await chain(rows)] == [1, 2]


async def test_an_open_transaction_keeps_no_other_from_the_chain(
    database: Database, rows: asyncpg.Connection
) -> None:
    slow = await asyncpg.connect(database.url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await audit_trail.record(slow, "slow.done", ADMIN)
        async with asyncio.timeout(5):
            await record(database)
        await transaction.commit()
    finally:
        await slow.close()
    assert [row["action"] for row in await chain(rows)] == ["thing.done", "slow.done"]


async def test_sends_never_wait_for_the_chain(database: Database, rows: asyncpg.Connection) -> None:
    past = await converse(rows, [FRESH])
    await rows.execute("SELECT pg_advisory_lock($1)", _CHAIN_LOCK)
    try:
        async with asyncio.timeout(5), database.connection() as connection:
            sent = await connection.fetchrow(
                "SELECT * FROM append_messages($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                [past.id],
                [past.people[0]],
                ["hello"],
                [None],
                [None],
                [None],
                [uuid4()],
                ["r"],
                ["t"],
            )
    finally:
        await rows.execute("SELECT pg_advisory_unlock($1)", _CHAIN_LOCK)
    assert sent["outcome"] == "created"


async def test_the_service_s_role_can_change_nothing_of_it(
    database: Database, rows: asyncpg.Connection
) -> None:
    await record(database)
    before = await chain(rows)
    for statement in FORBIDDEN:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rows.execute(statement)
    assert await chain(rows) == before


async def test_the_service_s_role_cannot_say_where_its_record_stands(
    database: Database, rows: asyncpg.Connection
) -> None:
    await record(database)
    await rows.execute(
        "INSERT INTO audit_records (at, action, actor, role, details, request_id, position, "
        "previous_sha256, sha256) VALUES (now(), 'x.y', 'me', 'admin', '{}', 'r', 900, 'a', 'b'), "
        "(now(), 'x.z', 'me', 'admin', '{}', 'r', 1, 'a', 'b')"
    )
    found = await chain(rows)
    assert [(row["position"], row["action"]) for row in found] == [
        (1, "thing.done"),
        (2, "x.y"),
        (3, "x.z"),
    ]
    assert all(row["sha256"] == recomputed(row) for row in found)


async def test_a_stricter_transaction_is_refused_rather_than_forking_the_chain(
    database: Database, rows: asyncpg.Connection
) -> None:
    async def strictly(*, meanwhile: bool) -> None:
        async with database.transaction() as transaction:
            connection = transaction.connection
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await connection.fetchval("SELECT count(*) FROM audit_records")
            if meanwhile:
                await audit_trail.record(rows, "thing.done", ADMIN)
            await audit_trail.record(connection, "strict.done", ADMIN)

    await strictly(meanwhile=False)
    with pytest.raises(DependencyUnavailable):
        await strictly(meanwhile=True)
    found = await chain(rows)
    assert [row["action"] for row in found] == ["strict.done", "thing.done"]
