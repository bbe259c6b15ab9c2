"""A disabled account leaves its tables, its invites and its sockets."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest
from factories.card_tables import answer, invite, seat, sit_down
from factories.customer_stand_in import CustomerStandIn
from factories.identity_stand_in import IdentityStandIn, User
from factories.polling import until_true
from factories.running_api import RunningApi
from factories.time_passing import look_after_clocks, pass_time
from parlor_dev import checkout
from parlor_game.bootstrap import inbox, live_feed
from parlor_game.settings import GameSettings
from parlor_game.usecases.follow_accounts import follow_account
from parlor_kit.clock import now
from parlor_kit.consumer import Inbox, Outcome
from parlor_kit.events import Event, Schemas, envelope
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]
TOPIC = "identity.events"


def account_event(type_: str, user: User, version: int) -> bytes:
    data = {
        "account_id": str(user.id),
        "role": user.role,
        "status": "disabled" if type_ == "account.disabled" else "active",
        "display_name": user.display_name,
        "email": user.email,
        "version": version,
    }
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


@pytest.fixture(scope="module")
def consumer(game: RunningApi, settings: GameSettings) -> Inbox:
    schemas = Schemas(settings.parlor_schemas_dir)
    return inbox(settings, game.api.services.database, schemas)


async def test_a_disabled_account_forfeits_its_games_and_leaves_its_invites_once(
    game: RunningApi, people: People, consumer: Inbox, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    active = [await sit_down(game.public, [ada, bob], "crazy_eights") for _ in range(2)]
    ended = await sit_down(game.public, [ada, bob], "crazy_eights")
    await ended.forfeit(bob)
    others = await sit_down(game.public, [bob, cid], "crazy_eights")
    made = (await invite(game.public, ada, [cid], "crazy_eights")).body["id"]
    got = (await invite(game.public, cid, [bob, ada], "crazy_eights")).body["id"]
    await answer(game.public, ada, got, "accept")

    event = account_event("account.disabled", ada, 2)
    assert await consumer.apply(TOPIC, event) is Outcome.APPLIED
    assert await consumer.apply(TOPIC, event) is Outcome.DUPLICATE
    older = account_event("account.disabled", ada, 1)
    assert await consumer.apply(TOPIC, older) is Outcome.APPLIED

    for table in active:
        board = await table.get(bob, "/scoreboard")
        assert (board["status"], board["winner_ids"]) == ("abandoned", [str(bob.id)])
        moves = await rows.fetch("SELECT play FROM game_moves WHERE game_id = $1", table.game_id)
        assert [orjson.loads(move["play"]) for move in moves] == [{"action": "forfeit"}]
        types = await rows.fetch(
            "SELECT type FROM outbox WHERE key = $1 ORDER BY id", table.game_id
        )
        assert [row["type"] for row in types][1:] == ["game.advanced", "game.finished"]
    assert (await ended.get(bob, "/scoreboard"))["winner_ids"] == [str(ada.id)]
    assert (await others.get(bob))["status"] == "active"
    for invite_id, status in ((made, "cancelled"), (got, "declined")):
        found = await game.public.call(
            "GET", f"/api/v1/games/invites/{invite_id}", headers=cid.authorization
        )
        assert found.body["status"] == status


async def test_a_disabled_account_forfeits_while_no_replica_looks_after_the_clocks(
    game: RunningApi, people: People, consumer: Inbox, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    table = await sit_down(game.public, [ada, bob], "crazy_eights")
    await pass_time(rows, 500, ticking=False)
    event = account_event("account.disabled", ada, 2)
    assert await consumer.apply(TOPIC, event) is Outcome.APPLIED
    assert (await table.get(bob, "/scoreboard"))["winner_ids"] == [str(bob.id)]
    await look_after_clocks(rows)


async def test_nobody_sits_down_with_an_account_that_is_known_to_be_disabled(
    game: RunningApi, people: People, consumer: Inbox
) -> None:
    """Customer has not heard of it yet, and entitles everybody."""
    ada, bob = people(2)
    await consumer.apply(TOPIC, account_event("account.disabled", ada, 2))
    for inviter, others, bots in ((ada, [], ["easy"]), (ada, [bob], []), (bob, [ada], [])):
        made = await invite(game.public, inviter, others, "crazy_eights", bots=bots)
        assert (made.status, made.code) == (403, "not_entitled")
    await consumer.apply(TOPIC, account_event("account.enabled", ada, 3))
    await sit_down(game.public, [ada, bob], "crazy_eights")


async def test_an_invite_is_not_dealt_whose_distributor_is_known_to_be_disabled(
    game: RunningApi,
    people: People,
    consumer: Inbox,
    identity: IdentityStandIn,
    customer: CustomerStandIn,
) -> None:
    ada, bob = people(2)
    distributor = identity.user("distributor")
    customer.gather(distributor.id, ada.id, bob.id)
    made = await invite(game.public, ada, [bob], "crazy_eights")
    await consumer.apply(TOPIC, account_event("account.disabled", distributor, 2))
    refused = await answer(game.public, bob, made.body["id"], "accept")
    assert (refused.status, refused.code) == (403, "not_entitled")
    await consumer.apply(TOPIC, account_event("account.enabled", distributor, 3))
    accepted = await answer(game.public, bob, made.body["id"], "accept")
    assert accepted.body["status"] == "accepted"


async def somebody_waits(rows: asyncpg.Connection) -> None:
    """For an account's lock."""
    waiting = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
    """
    await until_true(lambda: rows.fetchval(waiting))


async def test_a_game_that_is_dealt_as_the_news_comes_is_forfeited_by_it(
    game: RunningApi, people: People, consumer: Inbox, rows: asyncpg.Connection
) -> None:
    (ada,) = people(1)
    services = game.api.services
    create = services.create_invite
    options = create.options(ada.id, "crazy_eights", [], ["easy"], {})
    async with services.database.transaction() as transaction:
        found = await create.create(
            transaction, ada.id, "crazy_eights", [], ["easy"], options, circles={}
        )
        # In a context of its own: in ours it would join our transaction.
        news = asyncio.get_running_loop().create_task(
            consumer.apply(TOPIC, account_event("account.disabled", ada, 2)), context=Context()
        )
        await somebody_waits(rows)
    assert await news is Outcome.APPLIED
    status = await rows.fetchval("SELECT status FROM games WHERE id = $1", found.game_id)
    assert status == "abandoned"


async def test_a_game_that_is_to_be_dealt_as_the_news_comes_waits_for_it_and_is_refused(
    game: RunningApi, people: People, consumer: Inbox, rows: asyncpg.Connection
) -> None:
    ada, bob, cid = people(3)
    made = await invite(game.public, ada, [bob, cid], "crazy_eights")
    await answer(game.public, bob, made.body["id"], "accept")
    data = orjson.loads(account_event("account.disabled", ada, 2))["data"]
    async with game.api.services.database.transaction() as transaction:
        await follow_account(transaction, Event(TOPIC, "account.disabled", str(ada.id), data))
        asked = asyncio.create_task(answer(game.public, cid, made.body["id"], "accept"))
        dealt = asyncio.create_task(invite(game.public, ada, [], "crazy_eights", bots=["easy"]))
        await somebody_waits(rows)
    late = await asked
    assert (late.status, late.code) == (409, "invite_closed")
    refused = await dealt
    assert (refused.status, refused.code) == (403, "not_entitled")


async def test_the_sockets_of_a_disabled_account_close_and_stay_closed(
    game: RunningApi,
    people: People,
    consumer: Inbox,
    settings: GameSettings,
    http: aiohttp.ClientSession,
) -> None:
    ada, bob = people(2)
    table = await sit_down(game.public, [ada, bob], "crazy_eights")
    services, base = game.api.services, game.public._base
    feed = live_feed(settings, services.hub, services.disabled_accounts)

    def hear(type_: str) -> None:
        data: dict[str, Any] = {"account_id": str(ada.id)}
        feed._on_event(Event(TOPIC, type_, str(ada.id), data))

    async with (
        seat(http, base, table.game_id, ada) as mine,
        seat(http, base, table.game_id, bob) as theirs,
    ):
        await mine.welcomed()
        await theirs.welcomed()
        hear("account.disabled")
        assert await mine.closed() == 4403
        async with seat(http, base, table.game_id, ada) as early:
            assert await early.closed() == 4403
        await consumer.apply(TOPIC, account_event("account.disabled", ada, 2))
        async with seat(http, base, table.game_id, ada) as late:
            assert await late.closed() == 4403
        assert theirs.close_code is None

        hear("account.enabled")
        await consumer.apply(TOPIC, account_event("account.enabled", ada, 3))
        async with seat(http, base, table.game_id, ada) as back:
            await back.welcomed()
            assert back.welcome["snapshot"]["status"] == "abandoned"


def erased_event(user: User, version: int) -> bytes:
    data = {
        "account_id": str(user.id),
        "role": user.role,
        "status": "disabled",
        "version": version,
        "erased_at": "2026-11-25T00:00:00.000000Z",
    }
    return envelope(
        event_id=new_id(),
        topic=TOPIC,
        key=str(user.id),
        type_="account.erased",
        time=now(),
        data=orjson.dumps(data),
        request_id=None,
        traceparent=None,
    )


async def test_an_erased_account_forfeits_and_its_seats_stay_under_its_number(
    game: RunningApi, people: People, consumer: Inbox, rows: asyncpg.Connection
) -> None:
    ada, bob = people(2)
    active = await sit_down(game.public, [ada, bob], "crazy_eights")
    past = await sit_down(game.public, [ada, bob], "crazy_eights")
    await past.forfeit(bob)
    open_one = (await invite(game.public, ada, [bob], "crazy_eights")).body["id"]
    await active.get(ada, "/reconnect-token")

    gone = erased_event(ada, 2)
    assert await consumer.apply(TOPIC, gone) is Outcome.APPLIED
    assert await consumer.apply(TOPIC, gone) is Outcome.DUPLICATE
    assert await consumer.apply(TOPIC, account_event("account.disabled", ada, 3)) is Outcome.APPLIED
    assert await consumer.apply(TOPIC, account_event("account.enabled", ada, 1)) is Outcome.APPLIED

    for table, winner in ((active, bob), (past, ada)):
        board = await table.get(bob, "/scoreboard")
        assert board["winner_ids"] == [str(winner.id)]
        assert {each["user_id"] for each in board["players"]} == {str(ada.id), str(bob.id)}
    assert not await rows.fetchval(
        "SELECT EXISTS (SELECT FROM reconnect_tokens WHERE user_id = $1)", ada.id
    )
    found = await game.public.call(
        "GET", f"/api/v1/games/invites/{open_one}", headers=bob.authorization
    )
    assert found.body["status"] == "cancelled"
    told = await rows.fetch(
        "SELECT data FROM outbox WHERE key = $1 AND type = 'game.player_erased'", str(ada.id)
    )
    (report,) = [orjson.loads(row["data"]) for row in told]
    Schemas(checkout.kafka_folder()).check("game.player_erased", report)
    assert (report["seats_kept"], report["invites_kept"]) == (2, 3)
