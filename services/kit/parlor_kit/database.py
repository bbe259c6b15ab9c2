"""One PostgreSQL database a service: the pool, and the transaction that a request is.

`Database.transaction()` opens the one transaction of a request or message. Tortoise queries made
inside join it; hot paths use its asyncpg connection; events published on it go to the outbox just
before the commit. Faults that mean "the database is not there" become `DependencyUnavailable`.
A URL says by `?sslmode=verify-full&sslrootcert=/path` what TLS it wants, as libpq has it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.exceptions import DBConnectionError
from tortoise.transactions import in_transaction

from parlor_kit import outbox
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Event

_GONE: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.QueryCanceledError,
    asyncpg.exceptions.TransactionRollbackError,  # a deadlock: rolled back, and safe to retry
    DBConnectionError,
    ConnectionError,
    TimeoutError,
    OSError,
)

# asyncpg derives these from InterfaceError as well, but they are faults of the caller: trying
# again is of no use, and an event that causes one must not wait for ever.
_FAULTY: tuple[type[BaseException], ...] = (
    asyncpg.exceptions._base.DataError,
    asyncpg.exceptions._base.UnsupportedClientFeatureError,
)


@asynccontextmanager
async def gone_is_unavailable() -> AsyncIterator[None]:
    """Turn the many ways in which PostgreSQL can be away into one refusal, safe to retry."""
    try:
        yield
    except _FAULTY:
        raise
    except _GONE as fault:
        raise DependencyUnavailable("The database is not answering") from fault


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Give a connection back without a round trip to clear its session.

    Nothing here sets session state on a pooled connection: locks and settings end with their
    transaction, and asyncpg rolls back one that was left open. `Database.connect` is for the rest.
    """


def tls_of(url: str) -> ssl.SSLContext | bool | None:
    """What `sslmode` of a database URL asks for, since Tortoise does not pass it on.

    None leaves it to asyncpg: TLS where the server offers it, unverified. `verify-full` checks
    the certificate and its name, `verify-ca` the certificate, `require` neither.
    """
    query = parse_qs(urlsplit(url).query)
    mode = query.get("sslmode", ["prefer"])[-1]
    match mode:
        case "prefer" | "allow":
            return None
        case "disable":
            return False
        case "require" | "verify-ca" | "verify-full":
            context = ssl.create_default_context(cafile=query.get("sslrootcert", [None])[-1])
            context.check_hostname = mode == "verify-full"
            if mode == "require":
                context.verify_mode = ssl.CERT_NONE
            return context
        case _:
            raise ValueError(f"sslmode {mode!r} is none of PostgreSQL's")


def tortoise_config(url: str, app: str, *, pool: int = 10) -> dict[str, Any]:
    """The Tortoise configuration of service `app` on the database that `url` names."""
    parts = urlsplit(url)
    return {
        "connections": {
            "default": {
                "engine": "tortoise.backends.asyncpg",
                "credentials": {
                    "host": parts.hostname,
                    "port": parts.port or 5432,
                    "user": unquote(parts.username or ""),
                    "password": unquote(parts.password or ""),
                    "database": parts.path.lstrip("/"),
                    "min_size": 1,
                    "max_size": pool,
                    "command_timeout": 30,
                    "timeout": 5,
                    "server_settings": {"application_name": f"parlor-{app}"},
                    "reset": _as_it_is,
                    "ssl": tls_of(url),
                },
            }
        },
        "apps": {
            "kit": {
                "models": ["parlor_kit.tables"],
                "migrations": "parlor_kit.migrations",
                "default_connection": "default",
            },
            app: {
                "models": [f"parlor_{app}.models"],
                "migrations": f"parlor_{app}.migrations",
                "default_connection": "default",
            },
        },
        "use_tz": True,
        "timezone": "UTC",
    }


class _Begun:
    """Tortoise's transaction, which would keep its connection for good if cancelled as it begins.

    A client that hangs up cancels its request at any moment; ten such would be the whole pool.
    """

    def __init__(self) -> None:
        self._context = in_transaction("default")

    async def __aenter__(self) -> Any:
        try:
            return await self._context.__aenter__()
        except BaseException as fault:
            if getattr(self._context, "token", None) is not None:  # it has a connection
                with suppress(Exception):
                    await self._context.__aexit__(type(fault), fault, fault.__traceback__)
            raise

    async def __aexit__(self, *raised: Any) -> None:
        await self._context.__aexit__(*raised)


class Transaction:
    """The one transaction of a request or message."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self._events: list[Event] = []

    def publish(self, event: Event) -> None:
        """Commit `event` to the outbox together with the rows of this transaction."""
        self._events.append(event)

    async def flush(self) -> None:
        if self._events:
            await outbox.append(self.connection, self._events)
            self._events.clear()


class Database:
    """The pool of a process. Open once in the composition root, close when it stops."""

    def __init__(self, url: str, app: str, *, pool: int = 10) -> None:
        self.url = url
        self.app = app
        self._pool = pool

    async def open(self) -> None:
        await Tortoise.init(
            config=tortoise_config(self.url, self.app, pool=self._pool),
            _enable_global_fallback=True,
        )

    async def close(self) -> None:
        await Tortoise.close_connections()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin; commit with the published events at the end, or roll back on any error."""
        async with gone_is_unavailable(), _Begun() as wrapper:
            transaction = Transaction(wrapper._connection)
            yield transaction
            await transaction.flush()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A pooled connection for single statements that need no transaction."""
        client = cast(Any, Tortoise.get_connection("default"))
        async with gone_is_unavailable(), client.acquire_connection() as connection:
            yield connection

    async def connect(self) -> asyncpg.Connection:
        """A connection of its own outside the pool, for LISTEN, locks and batch writers."""
        async with gone_is_unavailable():
            return await asyncpg.connect(
                self.url,
                timeout=5,
                command_timeout=30,
                server_settings={"application_name": f"parlor-{self.app}"},
            )

    async def answers(self) -> bool:
        """Whether a trivial query comes back within a second; for readiness only."""
        try:
            async with asyncio.timeout(1), self.connection() as connection:
                return bool(await connection.fetchval("SELECT true"))
        except (DependencyUnavailable, TimeoutError):
            return False


class Session:
    """A connection of its own for a batching writer; opened on use, again after a fault."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection | None = None

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement, which is its own transaction."""
        async with gone_is_unavailable():
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._database.connect()
            try:
                rows: list[asyncpg.Record] = await self._connection.fetch(query, *args)
            except _GONE:
                self._connection.terminate()
                self._connection = None
                raise
            return rows

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close(timeout=5)
