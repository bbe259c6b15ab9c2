"""Brings a database up to the code: one runner at a time, then grants for the service's role.

Run as `python -m parlor_<service> migrate` with PARLOR_MIGRATION_DATABASE_URL naming the owner.
Tortoise's own runner has no lock (two at once fail half-way), so an advisory lock held by another
session makes the others wait; they then find nothing left to do. Migrations only expand while old
replicas run.

A model with `append_only = True` (audit records) gives the service's role no right to change or
delete its rows: what a service wrote there, no bug and no intruder in that service can take back.
"""

import asyncio
import pkgutil
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.migrations.api import migrate as run_migrations
from tortoise.models import Model

from parlor_kit import logs
from parlor_kit.database import gone_is_unavailable, tortoise_config
from parlor_kit.errors import DependencyUnavailable

log = logs.get("migrate")

_LOCK: Final = 0x4D494752  # "MIGR"
_POLL_SECONDS: Final = 0.5


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


async def migrated(app_url: str, app: str) -> bool:
    """Whether the database has every migration of this code, and the service may use it.

    Asked with the service's own role, so a grant that is still to come counts as not yet. A
    database that is ahead of the code is fine: migrations only expand.
    """
    wanted = {("kit", name) for name in _migrations("parlor_kit")}
    wanted |= {(app, name) for name in _migrations(f"parlor_{app}")}
    try:
        connection = await asyncpg.connect(app_url, timeout=5, command_timeout=5)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as fault:
        log.info("migrate.database_away", app=app, fault=repr(fault))
        return False
    try:
        rows = await connection.fetch("SELECT app, name FROM tortoise_migrations")
        usable = await connection.fetchval(
            "SELECT bool_and(has_table_privilege(oid, 'SELECT')) FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition"  # those are reached through their parents alone
        )
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return False
    finally:
        await connection.close(timeout=5)
    return bool(usable) and wanted <= {(row["app"], row["name"]) for row in rows}


async def await_migration(app_url: str, app: str, seconds: float) -> None:
    """Return when the database is ready for this code.

    Raises:
        DependencyUnavailable: it was not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not await migrated(app_url, app):
        if time.monotonic() > deadline:
            raise DependencyUnavailable(f"The database of {app} was not migrated in {seconds:g} s")
        await asyncio.sleep(_POLL_SECONDS)
    log.info("migrate.found", app=app)


def _migrations(package: str) -> list[str]:
    """Names of the migrations of a package, without importing them."""
    folder = Path(str(import_module(package).__file__)).with_name("migrations")
    found = [module.name for module in pkgutil.iter_modules([str(folder)])]
    return [name for name in found if name[:1].isdigit()]


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
