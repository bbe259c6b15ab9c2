"""Identity's use cases on a real database, in the test's own process."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from factories.identity_replicas import new_email, new_password
from parlor_dev.roles import DatabaseAccess
from parlor_identity import bootstrap
from parlor_identity.settings import IdentitySettings
from parlor_identity.usecases.accounts import AccountRow
from parlor_identity.usecases.log_in import Client
from parlor_identity.usecases.sessions import Granted
from parlor_kit.answers import Answer
from parlor_kit.database import Database
from parlor_kit.migrate import migrate
from parlor_kit.principal import Principal, Role, Users
from parlor_kit.tokens import Verifier
from pydantic import SecretStr

HERE = Client("192.0.2.1", "tests")


@dataclass
class Composed:
    """The service's parts and the database below them."""

    settings: IdentitySettings
    database: Database
    identity: bootstrap.Identity

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found

    async def register(self) -> tuple[UUID, str, str]:
        """A new customer: id, e-mail and password."""
        email, password = new_email(), new_password()
        made: list[UUID] = []

        def render(account: AccountRow) -> Answer:
            made.append(account.id)
            return Answer(201)

        await self.identity.services.register_user(
            email=email,
            password=password,
            display_name="Somebody",
            address=HERE.address,
            key=None,
            render=render,
        )
        return made[0], email, password

    async def log_in(self, email: str, password: str) -> Granted:
        return await self.identity.services.log_in(email, password, HERE)

    async def principal(self, granted: Granted) -> Principal:
        """Who the access token speaks for."""
        verifier = Verifier(
            self.identity.keys, issuer=self.settings.parlor_issuer, audience="parlor"
        )
        return await Users(verifier).authenticate(granted.access_token)

    async def admin(self) -> Principal:
        """A new admin, signed in."""
        account_id, email, password = await self.register()
        await self.rows("UPDATE accounts SET role = $2 WHERE id = $1", account_id, str(Role.ADMIN))
        return await self.principal(await self.log_in(email, password))


def identity_settings(access: DatabaseAccess, **changes: Any) -> IdentitySettings:
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return IdentitySettings.model_validate(
        {
            "parlor_database_url": SecretStr(access.app_url),
            "parlor_kafka_bootstrap": "127.0.0.1:1",
            "parlor_secret_key": SecretStr(key),
        }
        | changes
    )


@asynccontextmanager
async def composed_identity(access: DatabaseAccess) -> AsyncIterator[Composed]:
    """Migrated, opened, with a signing key."""
    await migrate(access.owner_url, access.app_url, "identity")
    settings = identity_settings(access)
    database = Database(access.app_url, "identity")
    await database.open()
    identity = bootstrap.compose(settings, database)
    await identity.rotate_keys.ensure_one()
    await identity.keys.load()
    try:
        yield Composed(settings, database, identity)
    finally:
        identity.hasher.close()
        await database.close()
