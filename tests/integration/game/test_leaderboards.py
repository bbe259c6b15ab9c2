"""Leaderboards: who may read one, what counts, and that it counts once, whatever ends the game."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from factories.card_tables import CardTable, answer, invite, sit_down
from factories.customer_stand_in import CustomerStandIn
from factories.identity_stand_in import IdentityStandIn, User
from factories.running import running
from factories.running_api import Reply, RunningApi
from parlor_game.api.schemas import LeaderboardPage
from parlor_game.usecases.load_table import Tables
from parlor_game.usecases.play_bots import PlayBots
from parlor_kit.ids import new_id

pytestmark = pytest.mark.integration

People = Callable[[int], list[User]]


class Circle:
    """A distributor with customers, who play and look at their board."""

    def __init__(self, game: RunningApi, distributor: User, customers: Sequence[User]) -> None:
        self.game = game
        self.distributor = distributor
        self.customers = customers

    async def ask(self, user: User | None, name: str = "crazy_eights", **query: Any) -> Reply:
        return await self.game.public.call(
            "GET",
            f"/api/v1/leaderboards/{name}",
            headers=user.authorization if user else {},
            params={"distributor_id": str(self.distributor.id)} | query,
        )

    async def board(self, name: str = "crazy_eights", **query: Any) -> dict[str, Any]:
        reply = await self.ask(self.distributor, name, **query)
        assert reply.status == 200, reply.body
        LeaderboardPage.model_validate_json(orjson.dumps(reply.body))
        body: dict[str, Any] = reply.body
        return body

    async def standings(self, name: str = "crazy_eights") -> dict[str, tuple[int, int, int, int]]:
        """(rank, games, wins, points) by user."""
        return {
            entry["user_id"]: (entry["rank"], entry["games"], entry["wins"], entry["points"])
            for entry in (await self.board(name))["items"]
        }


@pytest.fixture
def gather(
    game: RunningApi, identity: IdentityStandIn, customer: CustomerStandIn
) -> Callable[[int], Circle]:
    """A new distributor with so many new customers."""

    def make(count: int) -> Circle:
        distributor = identity.user("distributor")
        customers = [identity.user("customer") for _ in range(count)]
        customer.gather(distributor.id, *(one.id for one in customers))
        return Circle(game, distributor, customers)

    return make


async def finish(table: CardTable, seed: int = 1) -> dict[str, Any]:
    """Play to the end; the scoreboard."""
    await table.play_out(random.Random(seed))
    board: dict[str, Any] = await table.get(table.players[0], "/scoreboard")
    assert board["status"] == "finished"
    return board


async def test_who_does_not_belong_to_the_circle_sees_no_board(
    gather: Callable[[int], Circle], identity: IdentityStandIn, customer: CustomerStandIn
) -> None:
    circle, elsewhere = gather(2), gather(1)
    anonymous = await circle.ask(None)
    assert (anonymous.status, anonymous.code) == (401, "unauthenticated")
    for role in ("admin", "moderator", "distributor", "customer"):
        refused = await circle.ask(identity.user(role))
        assert (refused.status, refused.code) == (404, "not_found"), role
    assert (await circle.ask(elsewhere.customers[0])).status == 404
    assert (await circle.ask(elsewhere.distributor)).status == 404
    one, other = circle.customers
    # Two customers are entitled to each other, but neither is the other's distributor.
    assert (await circle.ask(one, distributor_id=str(other.id))).status == 404
    customer.part(one.id, circle.distributor.id)
    assert (await circle.ask(one)).status == 404
    assert (await circle.ask(other)).status == 200


async def test_questions_that_mean_nothing_are_refused(gather: Callable[[int], Circle]) -> None:
    circle = gather(1)
    for query in ({"distributor_id": "x"}, {"limit": 0}, {"cursor": "x"}, {"of": "me"}):
        reply = await circle.ask(circle.distributor, **query)
        assert (reply.status, reply.code) == (422, "validation_failed"), query
    assert (await circle.ask(circle.distributor, "bridge")).status == 404
    reply = await circle.game.public.call(
        "GET",
        "/api/v1/leaderboards/crazy_eights",
        headers=circle.customers[0].authorization,
    )
    assert (reply.status, reply.code) == (422, "validation_failed")


async def test_when_nobody_can_say_who_belongs_nobody_is_told(
    gather: Callable[[int], Circle], customer: CustomerStandIn
) -> None:
    circle = gather(1)
    customer.away = True
    try:
        assert (await circle.ask(circle.customers[0])).status == 503
        assert (await circle.ask(circle.distributor)).status == 200
    finally:
        customer.away = False


async def test_a_finished_game_counts_for_everybody_at_the_table(
    gather: Callable[[int], Circle],
) -> None:
    circle = gather(3)
    table = await sit_down(circle.game.public, circle.customers, "crazy_eights")
    assert await circle.standings() == {}, "a game that goes on counts for nothing"
    board = await finish(table)
    ranks = {player["user_id"]: player["rank"] for player in board["players"]}
    standings = await circle.standings()
    assert set(standings) == set(ranks)
    for user_id, (_, games, wins, points) in standings.items():
        others = [rank for other, rank in ranks.items() if other != user_id]
        mine = ranks[user_id]
        assert games == 1
        assert wins == (1 if mine == 1 else 0)
        assert points == sum(2 if rank > mine else rank == mine for rank in others)
    assert await circle.standings("hearts") == {}
    own = await circle.ask(circle.customers[0])
    assert own.body["you"]["user_id"] == str(circle.customers[0].id)
    assert own.body["you"] in own.body["items"]
    assert (await circle.board())["you"] is None
    named = await circle.game.public.call(
        "GET", "/api/v1/leaderboards/crazy_eights", headers=circle.distributor.authorization
    )
    assert named.body == await circle.board()


async def test_of_two_players_who_stays_has_won_and_who_leaves_has_lost(
    gather: Callable[[int], Circle],
) -> None:
    circle = gather(2)
    ada, bob = circle.customers
    table = await sit_down(circle.game.public, [ada, bob], "crazy_eights")
    assert (await table.forfeit(ada)).status == 200
    assert await circle.standings() == {str(bob.id): (1, 1, 1, 2), str(ada.id): (2, 1, 0, 0)}


@pytest.mark.parametrize(("name", "seats"), [("crazy_eights", 3), ("hearts", 4), ("spades", 4)])
async def test_who_leaves_a_larger_table_is_below_the_others_who_are_equals(
    gather: Callable[[int], Circle], name: str, seats: int
) -> None:
    """By what the cards say at that moment, nobody is better or worse."""
    circle = gather(seats)
    table = await sit_down(circle.game.public, circle.customers, name)
    await table.play_out(random.Random(7), moves=20)
    quitter = circle.customers[1]
    assert (await table.forfeit(quitter)).status == 200
    stayed = (1, 1, 0, 2 + seats - 2)
    wanted = {str(one.id): stayed for one in circle.customers}
    assert await circle.standings(name) == wanted | {str(quitter.id): (seats, 1, 0, 0)}


async def test_a_game_counts_with_the_distributor_of_each_pair_as_it_was_dealt(
    gather: Callable[[int], Circle], customer: CustomerStandIn, identity: IdentityStandIn
) -> None:
    """Ada and Bob meet in one circle, Cid meets both in another: each board has its own."""
    small, large = gather(2), gather(0)
    ada, bob = small.customers
    cid = identity.user("customer")
    customer.circles = {  # the first of the two is named for a pair that has both
        str(small.distributor.id): {str(ada.id), str(bob.id)},
        str(large.distributor.id): {str(ada.id), str(bob.id), str(cid.id)},
    }
    assert small.distributor.id < large.distributor.id
    table = await sit_down(small.game.public, [ada, bob, cid], "crazy_eights")
    customer.gather(new_id(), ada.id, bob.id, cid.id)
    customer.part(ada.id, bob.id)
    await finish(table)
    assert set(await small.standings()) == {str(ada.id), str(bob.id)}
    assert set(await large.standings()) == {str(ada.id), str(bob.id), str(cid.id)}


async def test_a_distributor_who_plays_is_on_the_board(gather: Callable[[int], Circle]) -> None:
    circle = gather(1)
    table = await sit_down(
        circle.game.public, [circle.distributor, circle.customers[0]], "crazy_eights"
    )
    await finish(table)
    assert set(await circle.standings()) == {
        str(circle.distributor.id),
        str(circle.customers[0].id),
    }
    assert (await circle.board())["you"]["games"] == 1


async def test_games_with_bots_count_for_nothing(gather: Callable[[int], Circle]) -> None:
    circle = gather(2)
    database = circle.game.api.services.database
    one, other = circle.customers
    made = await invite(circle.game.public, one, [other], "crazy_eights", bots=["good"])
    dealt = await answer(circle.game.public, other, made.body["id"], "accept")
    table = CardTable(circle.game.public, dealt.body["game_id"], circle.customers)
    async with running(PlayBots(database, Tables(database)).run()):
        assert (await table.forfeit(one)).status == 200
        alone = await sit_down(circle.game.public, [one], "crazy_eights", bots=["easy"])
        assert (await alone.forfeit(one)).status == 200
    assert await circle.standings() == {}


async def test_games_that_end_at_once_with_the_same_people_all_count(
    gather: Callable[[int], Circle], rows: asyncpg.Connection
) -> None:
    """Twenty tables of the same three, ended by twenty requests at once."""
    circle = gather(3)
    tables = [
        await sit_down(
            circle.game.public, random.Random(n).sample(circle.customers, 3), "crazy_eights"
        )
        for n in range(20)
    ]
    async with asyncio.timeout(30):
        replies = await asyncio.gather(
            *(table.forfeit(table.players[n % 3]) for n, table in enumerate(tables))
        )
    assert {reply.status for reply in replies} == {200}
    standings = await circle.standings()
    assert [games for _, games, _, _ in standings.values()] == [20] * 3
    assert sum(points for *_, points in standings.values()) == 20 * 6
    again = await tables[0].forfeit(tables[0].players[0])
    assert (again.status, again.code) == (409, "game_over")
    assert await circle.standings() == standings


async def test_a_board_is_paged_best_first_and_equals_share_a_rank(
    gather: Callable[[int], Circle], rows: asyncpg.Connection
) -> None:
    circle = gather(0)
    tallies = [(10, 3), (10, 3), (10, 2), (7, 2), (7, 2), (7, 2), (1, 0)]
    users = [new_id() for _ in tallies]
    await rows.executemany(
        "INSERT INTO leaderboard_entries (distributor_id, game, user_id, games, wins, points) "
        "VALUES ($1, 'crazy_eights', $2, 9, $3, $4)",
        [
            (circle.distributor.id, user_id, wins, points)
            for user_id, (points, wins) in zip(users, tallies, strict=True)
        ],
    )
    whole = (await circle.board())["items"]
    assert [entry["rank"] for entry in whole] == [1, 1, 3, 4, 4, 4, 7]
    assert [(entry["points"], entry["wins"]) for entry in whole] == tallies
    assert [UUID(entry["user_id"]) for entry in whole] == users, "equals in the order of their ids"
    for limit in (1, 2, 3):
        paged, cursor = [], None
        while True:
            page = await circle.board(limit=limit, **({"cursor": cursor} if cursor else {}))
            paged += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert paged == whole
