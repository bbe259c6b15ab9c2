"""A database URL's sslmode holds on both ways to PostgreSQL: Tortoise's pool and own sessions."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from factories.certificates import self_signed
from factories.tls_front import TlsFront, tls_front
from parlor_dev.backing import PostgresBacking
from parlor_kit.database import Database, tls_of
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.migrate import migrate, migrated

pytestmark = pytest.mark.integration


@dataclass
class Secured:
    """A database behind TLS: what it is called, and what its clients must trust."""

    front: TlsFront
    app_url: str
    owner_url: str
    certificate: Path


@pytest.fixture
async def secured(postgres_server: PostgresBacking, tmp_path: Path) -> AsyncIterator[Secured]:
    access = await postgres_server.database("tls")
    certificate, key = self_signed(tmp_path)
    server = urlsplit(access.app_url)
    assert server.port is not None
    async with tls_front("127.0.0.1", server.port, certificate, key) as (front, port):

        def through(url: str) -> str:
            return url.replace(f"127.0.0.1:{server.port}", f"localhost:{port}")

        yield Secured(front, through(access.app_url), through(access.owner_url), certificate)


async def ask_both_ways(url: str) -> None:
    """One question in the pool, one in a session of its own."""
    database = Database(url, "customer")
    await database.open()
    try:
        async with database.connection() as pooled:
            await pooled.fetchval("SELECT true")
        own = await database.connect()
        await own.close()
    finally:
        await database.close()


@pytest.mark.parametrize(("mode", "encrypted"), [("require", True), ("disable", False)])
async def test_a_mode_holds_in_the_pool_and_in_own_sessions(
    secured: Secured, mode: str, encrypted: bool
) -> None:
    await ask_both_ways(f"{secured.app_url}?sslmode={mode}")
    assert secured.front.encrypted == [encrypted, encrypted]


async def test_verify_full_accepts_the_named_ca_and_the_right_name_alone(secured: Secured) -> None:
    query = f"?sslmode=verify-full&sslrootcert={secured.certificate}"
    await ask_both_ways(secured.app_url + query)
    assert secured.front.encrypted == [True, True]
    by_address = secured.app_url.replace("localhost", "127.0.0.1")
    for refused in (by_address + query, f"{secured.app_url}?sslmode=verify-full"):
        with pytest.raises((ssl.SSLError, DependencyUnavailable)):
            await ask_both_ways(refused)


async def test_migrations_run_over_tls(secured: Secured) -> None:
    query = f"?sslmode=verify-ca&sslrootcert={secured.certificate}"
    await migrate(secured.owner_url + query, secured.app_url + query, "customer")
    assert await migrated(secured.app_url + query, "customer")
    assert all(secured.front.encrypted)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="sslmode"):
        tls_of("postgresql://app@db/chat?sslmode=strict")
