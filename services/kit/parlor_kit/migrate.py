"""Brings a database up to the code: one runner at a time, then grants for the service's role.

Run as `python -m parlor_<service> migrate` with PARLOR_MIGRATION_DATABASE_URL naming the owner.
Tortoise's own runner has no lock (two at once fail half-way), so an advisory lock held by another
session makes the others wait; they then find nothing left to do. Migrations only expand while old
replicas run.
"""

from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api import migrate as run_migrations

from parlor_kit import logs
from parlor_kit.database import gone_is_unavailable, tortoise_config

log = logs.get("migrate")

_LOCK: Final = 0x4D494752  # "MIGR"


async def migrate(owner_url: str, app_url: str, app: str) -> None:
    """Apply what is missing as the owner, then let the app's role read and write rows, no more."""
    async with gone_is_unavailable():
        guard = await asyncpg.connect(owner_url, timeout=10)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        try:
            await run_migrations(config=tortoise_config(owner_url, app, pool=2))
        finally:
            await Tortoise.close_connections()
        await _grant(guard, unquote(urlsplit(app_url).username or ""))
        log.info("migrate.done", app=app)
    finally:
        await guard.close()


async def _grant(owner: asyncpg.Connection, role: str) -> None:
    quoted = '"' + role.replace('"', '""') + '"'
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {quoted}",
        f"REVOKE INSERT, UPDATE, DELETE ON tortoise_migrations FROM {quoted}",
    ):
        await owner.execute(statement)
