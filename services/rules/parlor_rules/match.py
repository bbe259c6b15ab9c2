"""A match: deal after deal until a seat reaches the target score.

The catalog wraps every game in it, and nobody else needs to know: a match is a game like any
other. Without `target_score` it is one deal, told in the very words of the game itself.

- The deals follow each other within one game. Deal 1 has the game's seed, and deal k + 1 has
  `derive_seed(seed, "deal-k")`. The game says what moves on between deals (the dealer, the way
  cards are passed) and how many points a deal brings.
- Scores are totals. The match ends with the deal that takes a total to the target or as far
  below zero, and after `MAX_DEALS` in any case, so that seats that never score cannot go on for
  ever. Best total wins; ties share a rank.
- The last play of a deal tells its `game.round_scored`, whose `points` are what this deal
  brought, and then deals the next: `game.dealt` and `game.turn` follow among the same events.
- A seat that forfeits ends the whole match, as it would end a deal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from parlor_rules.cards import derive_seed
from parlor_rules.endings import final_events, standing
from parlor_rules.options import Whole, read_options
from parlor_rules.protocol import (
    DealGame,
    Event,
    Json,
    Option,
    Outcome,
    Play,
    Standing,
    StateT,
    Status,
    View,
)

TARGET = "target_score"
TARGETS = Whole(1, 10_000)
MAX_DEALS = 100

Points = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MatchState(Generic[StateT]):
    """The deal on the table, and the points of those before it."""

    deal: StateT
    seats: int
    target: int | None
    seed: bytes = field(repr=False)
    rounds: tuple[Points, ...] = ()
    forfeited_by: int | None = None

    @property
    def totals(self) -> Points:
        """What each seat had when this deal began."""
        return tuple(sum(points[seat] for points in self.rounds) for seat in range(self.seats))


class Match(Generic[StateT]):
    """`game`, over as many deals as its target score takes."""

    def __init__(self, game: DealGame[StateT]) -> None:
        self.game = game

    @property
    def name(self) -> str:
        return self.game.name

    @property
    def seats(self) -> range:
        return self.game.seats

    @property
    def highest_wins(self) -> bool:
        return self.game.highest_wins

    @property
    def known_options(self) -> Mapping[str, Option]:
        return {**self.game.known_options, TARGET: TARGETS}

    def options(self, raw: Mapping[str, object]) -> dict[str, Any]:
        return read_options(raw, self.known_options)

    def deal(self, seed: bytes, seats: int, options: Mapping[str, object]) -> MatchState[StateT]:
        chosen = self.options(options)
        target = chosen.pop(TARGET, None)
        first = self.game.deal(seed, seats, chosen)
        return MatchState(deal=first, seats=seats, target=target, seed=seed)

    def opening(self, state: MatchState[StateT]) -> tuple[Event, ...]:
        return tuple(_told(state, event) for event in self.game.opening(state.deal))

    def status(self, state: MatchState[StateT]) -> Status:
        return self.game.status(state.deal)

    def finished(self, state: MatchState[StateT]) -> bool:
        return self.game.finished(state.deal)

    def turn(self, state: MatchState[StateT]) -> int | None:
        return self.game.turn(state.deal)

    def legal_plays(self, state: MatchState[StateT], seat: int) -> tuple[Play, ...]:
        return self.game.legal_plays(state.deal, seat)

    def timeout(self, state: MatchState[StateT], seat: int) -> Play | None:
        return self.game.timeout(state.deal, seat)

    def apply(
        self, state: MatchState[StateT], seat: int, play: Play
    ) -> Outcome[MatchState[StateT]]:
        outcome = self.game.apply(state.deal, seat, play)
        return self._after(replace(state, deal=outcome.state), outcome.events)

    def forfeit(self, state: MatchState[StateT], seat: int) -> Outcome[MatchState[StateT]]:
        outcome = self.game.forfeit(state.deal, seat)
        abandoned = replace(state, deal=outcome.state, forfeited_by=seat)
        return self._after(abandoned, outcome.events)

    def score(self, state: MatchState[StateT]) -> Standing:
        if state.target is None:
            return self.game.score(state.deal)
        points = self.game.match_points(state.deal)
        result = standing(
            _added(state.totals, points),
            self.status(state),
            highest_wins=self.game.highest_wins,
            forfeited_by=state.forfeited_by,
        )
        over = (points,) if self.finished(state) else ()
        return replace(result, rounds=(*state.rounds, *over))

    def view(self, state: MatchState[StateT], seat: int | None) -> View:
        view = self.game.view(state.deal, seat)
        if state.target is not None:
            view["scores"] = list(self.score(state).scores)
            view["table"] = _with_match(state, view["table"])
        return view

    def _after(
        self, state: MatchState[StateT], events: tuple[Event, ...]
    ) -> Outcome[MatchState[StateT]]:
        """The events of the deal as the match tells them, and the next deal if this one is over."""
        if state.target is None or not self.finished(state):
            return Outcome(state, tuple(_told(state, event) for event in events))
        # The last two are how the deal ended; a match has its own words for that.
        told = tuple(_told(state, event) for event in events[:-2])
        points = self.game.match_points(state.deal)
        result = self.score(state)
        scored, ended = final_events(result, self.status(state), state.forfeited_by)
        number = len(state.rounds) + 1
        scored = Event(scored.type, {**scored.public, "round": number, "points": list(points)})
        reached = any(abs(total) >= state.target for total in result.scores)
        if reached or number == MAX_DEALS or self.status(state) == "abandoned":
            return Outcome(state, (*told, scored, ended))
        following = replace(
            state,
            deal=self.game.next_deal(
                state.deal, derive_seed(state.seed, f"deal-{number}"), result.scores
            ),
            rounds=(*state.rounds, points),
        )
        return Outcome(following, (*told, scored, *self.opening(following)))


def _added(totals: Points, points: Points) -> Points:
    return tuple(total + more for total, more in zip(totals, points, strict=True))


def _told(state: MatchState[StateT], event: Event) -> Event:
    """An event of the deal in terms of the match: scores are totals, and a table shows them."""
    if state.target is None or not event.public.keys() & {"scores", "table"}:
        return event
    public = dict(event.public)
    if "scores" in public:
        public["scores"] = list(_added(state.totals, tuple(public["scores"])))
    if "table" in public:
        public["table"] = _with_match(state, public["table"])
    return replace(event, public=public)


def _with_match(state: MatchState[StateT], table: Json) -> Json:
    match = {
        "target_score": state.target,
        "deal": len(state.rounds) + 1,
        "totals": list(state.totals),
    }
    return {**table, "match": match}
