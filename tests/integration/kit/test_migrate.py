"""Migrations: any number of runners at once, and an app role that can only work with rows."""

import asyncio
import sys

import asyncpg
import pytest
from parlor_dev.backing import PostgresBacking
from parlor_dev.roles import DatabaseAccess
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.migrate import await_migration, migrated

pytestmark = pytest.mark.integration

# A process each, as replicas are: Tortoise keeps its connections in one place a process.
RUNNER = """
import asyncio, sys
from parlor_kit.migrate import migrate
asyncio.run(migrate(*sys.argv[1:]))
"""


async def run(access: DatabaseAccess, service: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUNNER, access.owner_url, access.app_url, service),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await child.communicate()
    return child.returncode or 0, output.decode()


async def test_runners_at_once_all_succeed_and_the_schema_is_there_once(
    postgres_server: PostgresBacking,
) -> None:
    access = await postgres_server.database("migrating")
    outcomes = await asyncio.gather(*(run(access, "customer") for _ in range(3)))
    assert [status for status, _ in outcomes] == [0, 0, 0], outcomes
    app = await asyncpg.connect(access.app_url)
    try:
        applied = await app.fetch("SELECT app, name FROM tortoise_migrations")
        assert sorted((row["app"], row["name"]) for row in applied) == [
            ("customer", "0001_initial"),
            ("kit", "0001_initial"),
        ]
        assert await app.fetchval("SELECT count(*) FROM outbox") == 0
    finally:
        await app.close()


async def test_the_app_role_changes_rows_and_nothing_else(
    database_access: DatabaseAccess,
) -> None:
    app = await asyncpg.connect(database_access.app_url)
    try:
        for statement in (
            "CREATE TABLE mine (id int)",
            "DROP TABLE outbox",
            "TRUNCATE outbox",
            "ALTER TABLE outbox ADD COLUMN mine int",
            "DELETE FROM tortoise_migrations",
            "INSERT INTO tortoise_migrations (app, name) VALUES ('kit', 'forged')",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
        await app.execute("DELETE FROM outbox")
    finally:
        await app.close()


async def test_a_second_run_grants_what_a_new_table_needs_and_changes_nothing(
    postgres_server: PostgresBacking,
) -> None:
    access = await postgres_server.database("migrating")
    assert (await run(access, "customer"))[0] == 0
    assert (await run(access, "customer"))[0] == 0


async def test_a_replica_waits_until_its_database_is_migrated_and_granted(
    postgres_server: PostgresBacking,
) -> None:
    access = await postgres_server.database("migrating")
    assert not await migrated(access.app_url, "customer")
    waiting = asyncio.create_task(await_migration(access.app_url, "customer", 60))
    assert (await run(access, "customer"))[0] == 0
    await waiting
    assert await migrated(access.app_url, "customer")


async def test_a_table_without_its_grant_and_a_missing_migration_are_not_ready(
    postgres_server: PostgresBacking,
) -> None:
    access = await postgres_server.database("migrating")
    assert (await run(access, "customer"))[0] == 0
    owner = await asyncpg.connect(access.owner_url)
    try:
        await owner.execute("CREATE TABLE fresh (id int)")
        assert not await migrated(access.app_url, "customer")
        await owner.execute("DROP TABLE fresh")
        assert await migrated(access.app_url, "customer")
        await owner.execute("DELETE FROM tortoise_migrations WHERE app = 'customer'")
        assert not await migrated(access.app_url, "customer")
    finally:
        await owner.close()


async def test_waiting_for_a_database_that_is_away_ends() -> None:
    with pytest.raises(DependencyUnavailable, match="not migrated in"):
        await await_migration("postgresql://nobody:x@127.0.0.1:1/none", "customer", 0)


async def test_older_code_on_a_newer_database_has_nothing_to_do(
    postgres_server: PostgresBacking,
) -> None:
    """A rollback runs the migrations of the code that it goes back to."""
    access = await postgres_server.database("migrating")
    assert (await run(access, "customer"))[0] == 0
    owner = await asyncpg.connect(access.owner_url)
    try:
        await owner.execute(
            "INSERT INTO tortoise_migrations (app, name, applied_at) "
            "VALUES ('customer', '0002_to_come', now())"
        )
    finally:
        await owner.close()
    status, said = await run(access, "customer")
    assert status == 0, said
    assert await migrated(access.app_url, "customer")
