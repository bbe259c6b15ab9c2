"""What the service's role may do with the tables to which it can only add."""

import asyncpg
import pytest
from parlor_dev.roles import DatabaseAccess
from parlor_kit.database import Database, tortoise_config
from parlor_kit.migrate import append_only_tables, migrate

pytestmark = pytest.mark.integration

TABLES = [
    "archive_expiry_chunks",
    "archive_expiry_manifests",
    "audit_heads",
    "audit_records",
    "evidence_keys",
]


def test_the_models_say_which_tables_are_append_only() -> None:
    assert append_only_tables(tortoise_config("postgresql://u:p@h/d", "chat")) == TABLES


async def test_migrating_again_gives_no_right_back(
    database: Database, database_access: DatabaseAccess, rows: asyncpg.Connection
) -> None:
    await migrate(database_access.owner_url, database_access.app_url, "chat")
    await database.open()  # migrating closed this process's pool
    for table in TABLES:
        rights = [
            right
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
            if await rows.fetchval("SELECT has_table_privilege($1, $2)", table, right)
        ]
        assert rights == ["SELECT", "INSERT"]
    assert await rows.fetchval("SELECT has_table_privilege('messages', 'DELETE')")
