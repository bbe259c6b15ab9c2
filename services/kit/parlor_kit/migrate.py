"""Brings a database up to the code: one runner at a time, then grants for the service's role.

Run as `python -m parlor_<service> migrate` with PARLOR_MIGRATION_DATABASE_URL naming the owner.
Tortoise's own runner has no lock (two at once fail half-way), so an advisory lock held by another
session makes the others wait; they then find nothing left to do. Migrations only expand while old
replicas run.

A model with `append_only = True` (audit records) gives the service's role no right to change or
delete its rows: what a service wrote there, no bug and no intruder in that service can take back.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api import migrate as run_migrations
from tortoise.models import Model

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
        config = tortoise_config(owner_url, app, pool=2)
        try:
            await run_migrations(config=config)
        finally:
            await Tortoise.close_connections()
        role = unquote(urlsplit(app_url).username or "")
        await _grant(guard, role, append_only_tables(config))
        log.info("migrate.done", app=app)
    finally:
        await guard.close()


def append_only_tables(config: Mapping[str, Any]) -> list[str]:
    """Tables of the models that say `append_only = True`."""
    modules = [name for app in config["apps"].values() for name in app["models"]]
    return sorted(
        {
            model._meta.db_table
            for name in modules
            for model in vars(import_module(name)).values()
            if isinstance(model, type)
            and issubclass(model, Model)
            and getattr(model, "append_only", False)
        }
    )


async def _grant(owner: asyncpg.Connection, role: str, append_only: list[str]) -> None:
    quoted = '"' + role.replace('"', '""') + '"'
    # One transaction: at no instant may the role change what it may only add to.
    async with owner.transaction():
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {quoted}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted}",
            f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {quoted}",
            f"REVOKE INSERT, UPDATE, DELETE ON tortoise_migrations FROM {quoted}",
            *(
                f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM {quoted}'
                for table in append_only
            ),
        ):
            await owner.execute(statement)
