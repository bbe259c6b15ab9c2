"""The worker process: follows identity's accounts, tells of relationships, sets poison aside."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from factories.identity_stand_in import IdentityStandIn, User
from factories.polling import until_true
from factories.topics import put
from parlor_dev import checkout
from parlor_dev.roles import DatabaseAccess
from parlor_kit.events import Event, envelope

pytestmark = pytest.mark.integration


def told(user: User, type_: str, **changes: Any) -> bytes:
    """What identity would publish of an account."""
    user.__dict__.update(changes)
    data = {name: value for name, value in user.stated().items() if name != "created_at"}
    event = Event("identity.events", type_, str(user.id), {"account_id": data.pop("id"), **data})
    return envelope(
        event_id=event.id,
        topic=event.topic,
        key=event.key,
        type_=event.type,
        time=event.time,
        data=orjson.dumps(event.data),
        request_id="r-1",
        traceparent=None,
    )


@pytest.fixture(scope="module")
def environment(database_access: DatabaseAccess, kafka_bootstrap: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PARLOR_DATABASE_URL": database_access.app_url,
        "PARLOR_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "PARLOR_SECRET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
        "PARLOR_SCHEMAS_DIR": str(checkout.kafka_folder()),
        "PARLOR_HEALTH_PORT": "0",
    }


@pytest.fixture(scope="module")
async def worker(environment: dict[str, str]) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_customer", "worker"),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await child.wait() == 0


async def command(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_customer", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, _ = await child.communicate()
    return child.returncode or 0, output.decode()


async def account(rows: asyncpg.Connection, user: User) -> dict[str, Any] | None:
    row = await rows.fetchrow("SELECT * FROM accounts WHERE id = $1", user.id)
    return dict(row) if row else None


@pytest.mark.usefixtures("worker")
async def test_accounts_are_followed_and_what_is_older_is_ignored(
    identity: IdentityStandIn, rows: asyncpg.Connection, kafka_bootstrap: str
) -> None:
    user, last = identity.user("distributor"), identity.user("customer")
    steps = [
        told(user, "account.registered"),
        told(user, "account.disabled", status="disabled", version=3),
        told(user, "account.changed", display_name="Too Late", status="active", version=2),
        told(last, "account.registered"),
    ]
    for value in steps:
        await put(kafka_bootstrap, "identity.events", "one key for one order", value)

    async def last_is_known() -> bool:
        return await account(rows, last) is not None

    await until_true(last_is_known, 30)
    assert await account(rows, user) == {
        "id": user.id,
        "email": user.email,
        "display_name": "A distributor",
        "role": "distributor",
        "status": "disabled",
        "version": 3,
    }


@pytest.mark.usefixtures("worker")
async def test_poison_is_listed_and_replayed_by_command(
    identity: IdentityStandIn,
    rows: asyncpg.Connection,
    kafka_bootstrap: str,
    environment: dict[str, str],
) -> None:
    user = identity.user("customer")
    poison = orjson.loads(told(user, "account.registered"))
    poison["data"]["status"] = "asleep"
    await put(kafka_bootstrap, "identity.events", str(user.id), orjson.dumps(poison))

    async def listed() -> bool:
        status, output = await command(environment, "dead-letters", "list")
        assert status == 0
        return str(user.id) in output

    await until_true(listed, 60, every=1)
    _, output = await command(environment, "dead-letters", "list")
    assert "identity.events.customer.dlq" in output
    assert "status" in output  # where it is wrong, for whoever has to decide
    assert "asleep" not in output

    status, output = await command(environment, "dead-letters", "replay")
    assert status == 1
    assert "failed again" in output
    assert await account(rows, user) is None


@pytest.mark.usefixtures("worker")
async def test_what_the_relay_parked_is_listed_and_given_back_by_the_same_command(
    rows: asyncpg.Connection, environment: dict[str, str]
) -> None:
    await rows.execute(
        "INSERT INTO outbox (event_id, topic, key, type, data, time, error) VALUES "
        "(gen_random_uuid(), 'customer.events', 'k', 'nothing.known', '{}', now(), 'set aside')"
    )
    status, output = await command(environment, "dead-letters", "list")
    assert status == 0
    assert "outbox of customer.events" in output
    assert "set aside" in output
    _, output = await command(environment, "dead-letters", "replay")
    assert "given back to the relay" in output

    async def parked_again() -> bool:
        error = await rows.fetchval("SELECT error FROM outbox WHERE type = 'nothing.known'")
        return error not in (None, "set aside")

    await until_true(parked_again, 30)
    await rows.execute("DELETE FROM outbox WHERE type = 'nothing.known'")


@pytest.mark.usefixtures("worker")
async def test_a_relationship_is_told_of(
    identity: IdentityStandIn, relate: Any, rows: asyncpg.Connection
) -> None:
    relationship = await relate(identity.user("distributor"), identity.user("customer"))

    async def carried() -> bool:
        return not await rows.fetchval(
            "SELECT EXISTS (SELECT FROM outbox WHERE key = $1)", relationship["customer_id"]
        )

    await until_true(carried, 30)
    assert UUID(relationship["id"]).version == 7
