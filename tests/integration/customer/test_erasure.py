"""An erased account loses its relationships, invites and name, in whatever order news come."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from factories.identity_stand_in import IdentityStandIn, User
from factories.polling import until_true
from factories.running_api import Reply, RunningApi
from factories.topics import put
from parlor_customer.consumers import REACTS_TO
from parlor_dev import checkout
from parlor_dev.roles import DatabaseAccess
from parlor_kit.clock import now, rfc3339
from parlor_kit.consumer import Inbox, Outcome
from parlor_kit.database import Database
from parlor_kit.events import Schemas, envelope
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

TOPIC = "identity.events"
Relate = Callable[[User, User], Awaitable[dict[str, str]]]
MakeInvite = Callable[..., Awaitable[dict[str, str]]]
Redeem = Callable[..., Awaitable[Reply]]


def event(type_: str, user: User, version: int) -> bytes:
    data: dict[str, Any] = {"account_id": str(user.id), "role": user.role, "version": version}
    if type_ == "account.erased":
        data |= {"status": "disabled", "erased_at": rfc3339(now())}
    else:
        status = "disabled" if type_ == "account.disabled" else "active"
        data |= {"status": status, "email": user.email, "display_name": user.display_name}
    return envelope(
        event_id=new_id(),
        topic=TOPIC,
        key=str(user.id),
        type_=type_,
        time=now(),
        data=orjson.dumps(data),
        request_id=None,
        traceparent=None,
    )


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database, Schemas(checkout.kafka_folder()), REACTS_TO)


async def told(rows: asyncpg.Connection, user: User) -> dict[str, Any]:
    """What the service said last that it did about the account."""
    data = await rows.fetchval(
        "SELECT data FROM outbox WHERE key = $1 AND type = 'relationship.party_erased' "
        "ORDER BY id DESC LIMIT 1",
        str(user.id),
    )
    found: dict[str, Any] = orjson.loads(data)
    Schemas(checkout.kafka_folder()).check("relationship.party_erased", found)
    return found


async def traces(rows: asyncpg.Connection, *needles: str) -> list[str]:
    """Tables that still have any of these, in any column."""
    tables = await rows.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    every = [*needles, *(needle.encode().hex() for needle in needles)]
    return [
        table
        for (table,) in tables
        if await rows.fetchval(
            f'SELECT EXISTS (SELECT FROM "{table}" r, unnest($1::text[]) AS needle '
            "WHERE strpos(r::text, needle) > 0)",
            every,
        )
    ]


async def test_a_customer_is_forgotten_and_what_was_meant_for_them_is_nobodys(
    identity: IdentityStandIn,
    inbox: Inbox,
    rows: asyncpg.Connection,
    make_invite: MakeInvite,
    redeem: Redeem,
) -> None:
    shop, other_shop = identity.user("distributor"), identity.user("distributor")
    user, bystander = (
        identity.user("customer", display_name="Remarkable"),
        identity.user("customer"),
    )
    await inbox.apply(TOPIC, event("account.registered", user, 1))
    open_one = await make_invite(other_shop, email=user.email, note="Jane of the corner shop")
    used = await make_invite(other_shop, email=user.email, note="call Jane, 555 0100")
    for_one = await make_invite(shop, note="Jane, who plays hearts")
    for_many = await make_invite(shop, note="for the market", max_uses=2)
    for each in (used, for_one, for_many):
        assert (await redeem(user, each["token"])).status in (200, 201)

    assert await inbox.apply(TOPIC, event("account.erased", user, 2)) is Outcome.APPLIED
    report = await told(rows, user)
    assert (report["relationships_ended"], report["relationships_kept"]) == (2, 2)
    assert (report["invites_revoked"], report["invites_emptied"]) == (1, 3)
    assert await rows.fetchval(
        "SELECT bool_and(ended_at IS NOT NULL AND ended_by = $1) FROM relationships "
        "WHERE customer_id = $1",
        user.id,
    )
    ended = await rows.fetchval(
        "SELECT count(*) FROM outbox WHERE key = $1 AND type = 'relationship.ended'", str(user.id)
    )
    assert ended == 2
    await rows.execute("DELETE FROM outbox WHERE key = $1", str(user.id))
    assert await traces(rows, user.email, "Remarkable", "Jane") == []
    assert await rows.fetchval("SELECT count(*) FROM invites WHERE note = 'for the market'") == 1
    for someone in (bystander, user):
        refused = await redeem(someone, open_one["token"])
        assert refused.status in (403, 409, 410), refused.body


async def test_news_that_come_late_or_twice_bring_nothing_back(
    identity: IdentityStandIn, inbox: Inbox, rows: asyncpg.Connection, relate: Relate
) -> None:
    shop, user = identity.user("distributor"), identity.user("customer")
    await relate(shop, user)
    gone = event("account.erased", user, 5)
    assert await inbox.apply(TOPIC, gone) is Outcome.APPLIED
    assert await inbox.apply(TOPIC, gone) is Outcome.DUPLICATE
    for late in ("account.registered", "account.changed", "account.enabled"):
        await inbox.apply(TOPIC, event(late, user, 4))
    await inbox.apply(TOPIC, event("account.erased", user, 5))
    row = await rows.fetchrow("SELECT * FROM accounts WHERE id = $1", user.id)
    assert row is not None
    assert (row["email"], row["display_name"], row["status"]) == ("", "Erased account", "disabled")
    assert (await told(rows, user))["relationships_ended"] == 0

    stranger = identity.user("customer")
    await inbox.apply(TOPIC, event("account.erased", stranger, 2))
    await inbox.apply(TOPIC, event("account.registered", stranger, 1))
    assert not await traces(rows, stranger.email)


async def test_a_distributor_leaves_its_customers_and_its_notes_go(
    identity: IdentityStandIn,
    inbox: Inbox,
    rows: asyncpg.Connection,
    relate: Relate,
    make_invite: MakeInvite,
    customer: RunningApi,
) -> None:
    shop = identity.user("distributor")
    people = [identity.user("customer") for _ in range(3)]
    for each in people:
        await relate(shop, each)
    await make_invite(shop, note="for the tall one", email="tall.one@example.org")
    await inbox.apply(TOPIC, event("account.erased", shop, 2))
    report = await told(rows, shop)
    assert (report["relationships_ended"], report["invites_revoked"]) == (3, 1)
    assert await traces(rows, "for the tall one", "tall.one@example.org") == []
    seen = await customer.public.call(
        "GET", f"/api/v1/relationships/{people[0].id}", headers=people[0].authorization
    )
    (relationship,) = seen.body["relationships"]
    assert (relationship["status"], relationship["distributor_name"]) == ("ended", "Erased account")


async def test_a_redemption_and_an_erasure_at_once_leave_no_open_relationship(
    identity: IdentityStandIn,
    inbox: Inbox,
    rows: asyncpg.Connection,
    make_invite: MakeInvite,
    redeem: Redeem,
) -> None:
    for _ in range(8):
        shop, user = identity.user("distributor"), identity.user("customer")
        invite = await make_invite(shop)
        await asyncio.gather(
            redeem(user, invite["token"]), inbox.apply(TOPIC, event("account.erased", user, 2))
        )
        assert not await rows.fetchval(
            "SELECT EXISTS (SELECT FROM relationships WHERE customer_id = $1 AND ended_at IS NULL)",
            user.id,
        )


@pytest.fixture
async def worker(database_access: DatabaseAccess, kafka_bootstrap: str) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_customer", "worker"),
        env={
            "PATH": os.defpath,
            "PARLOR_DATABASE_URL": database_access.app_url,
            "PARLOR_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "PARLOR_SECRET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "PARLOR_HEALTH_PORT": "0",
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await child.wait() == 0


@pytest.mark.usefixtures("worker")
async def test_it_is_learnt_from_kafka(
    identity: IdentityStandIn, rows: asyncpg.Connection, relate: Relate, kafka_bootstrap: str
) -> None:
    shop, user = identity.user("distributor"), identity.user("customer")
    relationship = await relate(shop, user)
    await put(kafka_bootstrap, TOPIC, str(user.id), event("account.erased", user, 2))

    async def ended() -> bool:
        return bool(
            await rows.fetchval(
                "SELECT ended_at IS NOT NULL FROM relationships WHERE id = $1",
                UUID(relationship["id"]),
            )
        )

    await until_true(ended, 30)
