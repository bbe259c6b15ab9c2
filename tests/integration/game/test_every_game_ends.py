"""No state in which a player waits for ever: every game ends, is scored and frees everybody.

A state machine lets people invite, play, leave, come back and give up, lets time pass, lets
replicas die and the platform be away, in any order; the use cases and their SQL are the real ones.
Then everybody walks away, and what is left must come to its end by the clocks alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import asyncpg
import pytest
from factories.game_world import IDLE_AFTER, GameWorld, Replica
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from parlor_dev.roles import DatabaseAccess
from parlor_game.bots import Level, level_of
from parlor_game.errors import GameOver, IllegalPlay, InviteClosed, NotYourTurn
from parlor_game.usecases.find_invite import FoundInvite
from parlor_game.usecases.load_table import STANDING, rebuild
from parlor_kit.ids import new_id
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import UNATTENDED_MOVES

pytestmark = pytest.mark.integration

PEOPLE = 5
REFUSED = (GameOver, IllegalPlay, NotYourTurn)


@dataclass(frozen=True)
class Wanted:
    """A table that somebody would like: by numbers, since people are new in every evening."""

    game: str
    first: int
    more: int
    turn_seconds: int | None
    reserve_seconds: int
    target_score: int | None
    bots: int


WANTED = st.builds(
    Wanted,
    game=st.sampled_from(sorted(GAMES)),
    first=st.integers(0, PEOPLE - 1),
    more=st.integers(0, 4),
    turn_seconds=st.sampled_from([None, 5, 30]),
    reserve_seconds=st.sampled_from([0, 10]),
    target_score=st.sampled_from([None, None, 50]),
    bots=st.sampled_from([0, 0, 1, 3]),
)

_UNWATCHED = """
SELECT count(*) FROM games g WHERE g.id = ANY($1::uuid[]) AND g.status = 'active' AND NOT (
    g.alarm_at <= LEAST(g.deadline, (
        SELECT p.reconnect_by FROM game_players p
        WHERE p.game_id = g.id AND p.user_id = g.turn_user_id
    )) AND EXISTS (
        SELECT 1 FROM game_players p WHERE p.game_id = g.id AND p.user_id = g.turn_user_id
    ))
"""
_UNSETTLED = """
SELECT count(*) FROM games g WHERE g.id = ANY($1::uuid[]) AND g.status <> 'active' AND (
    g.alarm_at IS NOT NULL OR g.deadline IS NOT NULL OR g.turn_user_id IS NOT NULL
    OR g.finished_at IS NULL OR g.winner_ids IS NULL OR EXISTS (
        SELECT 1 FROM game_players p WHERE p.game_id = g.id
        AND (p.score IS NULL OR p.rank IS NULL OR p.reconnect_by IS NOT NULL)
    ))
"""


class EveryGameEnds(RuleBasedStateMachine):
    """One evening of a few people."""

    world: ClassVar[GameWorld]

    invites: Bundle[FoundInvite] = Bundle("invites")
    games: Bundle[UUID] = Bundle("games")

    def __init__(self) -> None:
        super().__init__()
        self.invite_ids: list[UUID] = []
        self.players: dict[UUID, tuple[UUID, ...]] = {}
        self.people = [new_id() for _ in range(PEOPLE)]

    # -- invites

    @initialize(target=games, one=WANTED, other=WANTED)
    def sit_down_at_two_tables(self, one: Wanted, other: Wanted) -> MultipleResults[UUID]:
        return multiple(*(self._accepted(self._invited(wanted)) for wanted in (one, other)))

    @rule(target=invites, wanted=WANTED)
    def invite(self, wanted: Wanted) -> FoundInvite:
        return self._invited(wanted)

    @rule(target=games, found=consumes(invites))
    def everybody_accepts(self, found: FoundInvite) -> UUID:
        return self._accepted(found)

    def _invited(self, wanted: Wanted) -> FoundInvite:
        seats = [count for count in GAMES[wanted.game].seats if count <= PEOPLE]
        count = seats[wanted.more % len(seats)]
        levels: list[Level] = ["easy"] * min(wanted.bots, count - 1)
        seated = range(count - len(levels))
        table = [self.people[(wanted.first + number) % PEOPLE] for number in seated]
        turn = wanted.turn_seconds
        options = {"turn_seconds": turn, "reserve_seconds": wanted.reserve_seconds if turn else 0}
        if wanted.target_score is not None:
            options["target_score"] = wanted.target_score
        found = self.world.invite(table[0], table[1:], wanted.game, levels, options)
        self.invite_ids.append(found.id)
        return found

    def _accepted(self, found: FoundInvite) -> UUID:
        """The id of the game, or one that names none when the invite has expired."""
        answered = found
        for user_id in found.invitee_ids:
            with suppress(InviteClosed):
                answered = self.world.run(self.world.answering.accept(found.id, user_id))
        if answered.game_id is None:
            return found.id
        self.players[answered.game_id] = tuple(answered.players)
        return answered.game_id

    @rule(found=invites, number=st.integers(0, 3), withdrawn=st.booleans())
    def somebody_does_not_want_to(self, found: FoundInvite, number: int, withdrawn: bool) -> None:
        answering = self.world.answering
        with suppress(InviteClosed):
            if withdrawn or not found.invitee_ids:
                self.world.run(answering.withdraw(found.id, found.inviter_id))
            else:
                invitee = found.invitee_ids[number % len(found.invitee_ids)]
                self.world.run(answering.decline(found.id, invitee))

    # -- games

    def _replica(self, number: int) -> Replica:
        return self.world.replicas[number]

    def _person(self, game_id: UUID, seat: int) -> UUID:
        people = [player for player in self.players[game_id] if level_of(player) is None]
        return people[seat % len(people)]

    @rule(
        game_id=games,
        count=st.integers(1, 25),
        choice=st.integers(0, 50),
        on=st.integers(0, 1),
    )
    def play(self, game_id: UUID, count: int, choice: int, on: int) -> None:
        """Several plays in turn, on both replicas by turns; where a bot has the turn, it plays."""
        for number in range(count if game_id in self.players else 0):
            replica = self._replica((on + number) % 2)
            user_id = self.players[game_id][0]
            standing, _ = self.world.run(replica.games.standing(game_id, user_id))
            table = standing.table
            seat = table.game.turn(table.state)
            if seat is None:
                return
            if level_of(table.players[seat]) is not None:
                assert self.world.bot_plays(game_id)
                continue
            plays = table.legal_plays(seat)
            cards = [play for play in plays if play["action"] == "play"] or plays
            body = cards[choice % len(cards)]
            self.world.run(replica.plays.play(game_id, self.players[game_id][seat], body))

    @rule(game_id=games, seat=st.integers(0, 4), on=st.integers(0, 1))
    def play_out_of_turn(self, game_id: UUID, seat: int, on: int) -> None:
        if game_id in self.players:
            players = self.players[game_id]
            user_id = players[seat % len(players)]
            try:
                self.world.run(self._replica(on).plays.play(game_id, user_id, {"card": "ZZ"}))
            except REFUSED:
                return
            raise AssertionError("a play that no rule allows was made")

    @rule(game_id=games, seat=st.integers(0, 4), on=st.integers(0, 1))
    def forfeit(self, game_id: UUID, seat: int, on: int) -> None:
        if game_id in self.players:
            user_id = self._person(game_id, seat)
            with suppress(GameOver):
                self.world.run(self._replica(on).plays.forfeit(game_id, user_id))

    @rule(game_id=games, seat=st.integers(0, 4), on=st.integers(0, 1))
    def come_or_go(self, game_id: UUID, seat: int, on: int) -> None:
        """A socket opens, or the one that is open is lost."""
        if game_id in self.players:
            user_id, replica = self._person(game_id, seat), self._replica(on)
            if (game_id, user_id) in replica.sockets:
                self.world.disconnect(replica, game_id, user_id)
            else:
                self.world.connect(replica, game_id, user_id)

    # -- the platform, and time

    @rule(number=st.integers(0, 1))
    def kill(self, number: int) -> None:
        self.world.kill(number)

    @rule(seconds=st.sampled_from([1, 5, 16, 35, 121, 1000, 4 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)

    @rule(
        seconds=st.sampled_from([10, 1000, 5 * 86_400]),
        game_id=games,
        first=st.sampled_from(["tick", "play", "socket"]),
        on=st.integers(0, 1),
    )
    def outage(self, seconds: int, game_id: UUID, first: str, on: int) -> None:
        """Whatever was still to come when the platform went away is still to come after it.

        So it is whoever comes back first.
        """
        self.world.wait(0)
        by_the_clock = self._by_the_clock()
        self.world.outage(seconds)
        if first == "play":  # it may hand the turn to one who had left for good
            self.play(game_id, 1, 0, on)
            self.world.tick()
        else:
            if first == "socket":
                self.come_or_go(game_id, 0, on)
            assert self.world.tick() == 0
        assert self._by_the_clock() == by_the_clock

    # -- what is always so

    @precondition(lambda self: self.players)
    @invariant()
    def somebody_will_look_at_every_game(self) -> None:
        games = list(self.players)
        assert self._count(_UNWATCHED, games) == 0
        assert self._count(_UNSETTLED, games) == 0

    def _count(self, query: str, games: list[UUID]) -> int:
        return int(self.world.run(self.world.rows.fetchval(query, games)))

    def _by_the_clock(self) -> int:
        return self._count(
            "SELECT count(*) FROM game_moves WHERE game_id = ANY($1::uuid[]) AND made_by = 'clock'",
            list(self.players),
        )

    def _active(self) -> int:
        return self._count(
            "SELECT count(*) FROM games WHERE id = ANY($1::uuid[]) AND status = 'active'",
            list(self.players),
        )

    def teardown(self) -> None:
        """Everybody walks away: nobody plays, comes back or gives up."""
        self.world.wait(IDLE_AFTER.total_seconds())
        rounds = 0
        while self._active():
            rounds += 1
            assert rounds <= UNATTENDED_MOVES * PEOPLE + 1, "a game goes on for ever"
            self.world.wait(41)
        event(f"games: {len(self.players)}, rounds: {rounds}")
        for game_id in self.players:
            self.world.run(self._agrees_with_its_log(game_id))
        pending = "SELECT count(*) FROM invites WHERE id = ANY($1::uuid[]) AND status = 'pending'"
        assert self._count(pending, self.invite_ids) == 0

    async def _agrees_with_its_log(self, game_id: UUID) -> None:
        """Scores, ranks and winners are what the rules say of the moves in the log."""
        rows: asyncpg.Connection = self.world.rows
        table = await rebuild(rows, game_id, await rows.fetchrow(STANDING, game_id))
        assert table.status in {"finished", "abandoned"}
        stored = await rows.fetch(
            "SELECT score, rank FROM game_players WHERE game_id = $1 ORDER BY seat", game_id
        )
        assert [(row["score"], row["rank"]) for row in stored] == table.results()
        moves = await rows.fetchval("SELECT count(*) FROM game_moves WHERE game_id = $1", game_id)
        assert moves == table.move_count


def test_every_game_ends(database_access: DatabaseAccess) -> None:
    world = EveryGameEnds.world = GameWorld(database_access.app_url)
    try:
        run_state_machine_as_test(
            EveryGameEnds,
            settings=settings(
                max_examples=15,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        world.close()
