"""Gives a service its database with two roles: an owner for migrations, and one that only works.

Called by `postgres` users (`stack`, `backing`) after the server started; safe to repeat. The owner
role owns the database and its schema and is used by `migrate` alone. The app role may connect and
nothing more until `migrate` grants it the tables: it can create nothing and enter no other
database. Production sets up the same two roles; see docs.
"""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True)
class DatabaseAccess:
    """URLs of one database, by role."""

    app_url: str
    owner_url: str


async def prepare_server(superuser_url: str) -> None:
    """Close the databases that every cluster has to everybody but the superuser."""
    connection = await asyncpg.connect(superuser_url, timeout=10)
    try:
        for database in ("postgres", "template1"):
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    finally:
        await connection.close(timeout=5)


async def ensure_database(
    superuser_url: str, name: str, *, app_password: str, owner_password: str
) -> DatabaseAccess:
    """Make database `name` with roles `name` and `name_owner`, or bring them up to date."""
    owner = f"{name}_owner"
    connection = await asyncpg.connect(superuser_url, timeout=10)
    try:
        await _ensure_role(connection, owner, owner_password)
        await _ensure_role(connection, name, app_password)
        known = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
        if not known:
            await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{name}"')
    finally:
        await connection.close(timeout=5)
    await _own_schema(_with(superuser_url, database=name), name, owner)
    return DatabaseAccess(
        app_url=_with(superuser_url, database=name, user=name, password=app_password),
        owner_url=_with(superuser_url, database=name, user=owner, password=owner_password),
    )


async def _ensure_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if known else "CREATE"
    # format() quotes on the server; a utility statement takes no parameters.
    statement = await connection.fetchval(
        f"SELECT format('{verb} ROLE %I LOGIN PASSWORD %L "
        "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', $1::text, $2::text)",
        role,
        password,
    )
    await connection.execute(statement)


async def _own_schema(superuser_url: str, name: str, owner: str) -> None:
    connection = await asyncpg.connect(superuser_url, timeout=10)
    try:
        await connection.execute(f'ALTER SCHEMA public OWNER TO "{owner}"')
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        await connection.execute(f'GRANT USAGE ON SCHEMA public TO "{name}"')
    finally:
        await connection.close(timeout=5)


def _with(url: str, *, database: str, user: str = "", password: str = "") -> str:
    """The same server, as another role or in another database."""
    scheme, _, rest = url.partition("://")
    credentials, _, address = rest.rpartition("@")
    host = address.partition("/")[0]
    if user:
        credentials = f"{user}:{password}"
    return f"{scheme}://{credentials}@{host}/{database}"
