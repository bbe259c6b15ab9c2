"""A table in memory: the rules' state at one point of the move log, and who sits where.

Use cases get tables from `usecases.load_table`, which rebuilds them from seed and log, and turn
them into views. Nothing here does I/O, and no view is made but for one seat: a table never leaves
the process whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.clock import rfc3339
from parlor_rules.move_log import By
from parlor_rules.protocol import AnyGame, Event, Json, Outcome

from parlor_game import turn_clock
from parlor_game.bots import level_of
from parlor_game.turn_clock import TurnClock


@dataclass(frozen=True, slots=True)
class TableEvent:
    """An event as the log stores it: `public` is its JSON object, `private` adds to it by seat."""

    type: str
    public: bytes
    private: dict[int, Json] = field(default_factory=dict, repr=False)

    def seen_from(self, seat: int) -> bytes:
        own = self.private.get(seat)
        if not own:
            return self.public
        return self.public[:-1] + b"," + orjson.dumps(own)[1:]

    def private_json(self) -> str | None:
        if not self.private:
            return None
        return orjson.dumps({str(seat): own for seat, own in self.private.items()}).decode()


def stored(type_: str, public: str, private: str | None) -> TableEvent:
    """The event of a row of `game_events`."""
    by_seat = orjson.loads(private) if private else {}
    return TableEvent(type_, public.encode(), {int(seat): own for seat, own in by_seat.items()})


@dataclass(frozen=True, slots=True)
class Table:
    """A game after `move_count` moves; `move_seq` is the stream's seq after the last of them.

    `commitment` is to the server's seed, `head` the hash chain's at this point of the move log;
    `secret` is that seed, which the next head depends on and nothing else here. Games that were
    dealt before these were kept have none of them.
    """

    game_id: UUID
    game: AnyGame
    epoch: str
    players: tuple[UUID, ...]
    state: Any = field(repr=False)
    move_count: int = 0
    move_seq: int = 0
    commitment: str | None = None
    head: bytes | None = None
    secret: bytes | None = field(default=None, repr=False)
    clock: TurnClock = turn_clock.STOPPED

    def seat_of(self, user_id: UUID) -> int | None:
        return self.players.index(user_id) if user_id in self.players else None

    def after(
        self,
        outcome: Outcome[Any],
        move_seq: int,
        head: bytes | None = None,
        clock: TurnClock = turn_clock.STOPPED,
    ) -> "Table":
        return replace(
            self,
            state=outcome.state,
            move_count=self.move_count + 1,
            move_seq=move_seq,
            head=head,
            clock=clock,
        )

    @property
    def status(self) -> str:
        return self.game.status(self.state)

    @property
    def turn_user_id(self) -> UUID | None:
        turn = self.game.turn(self.state)
        return None if turn is None else self.players[turn]

    def winner_ids(self) -> list[UUID]:
        return [self.players[seat] for seat in self.game.score(self.state).winners]

    def results(self) -> list[tuple[int, int]]:
        """Score and rank by seat."""
        result = self.game.score(self.state)
        return list(zip(result.scores, result.ranks, strict=True))

    def legal_plays(self, seat: int) -> list[Json]:
        return [play.body() for play in self.game.legal_plays(self.state, seat)]

    def opening(self, seeds: Sequence[str]) -> tuple[TableEvent, ...]:
        """The events of the deal; the first tells what the deal was made from, but the secret."""
        dealt, *others = self.game.opening(self.state)
        fair = {"commitment": self.commitment, "seeds": list(seeds)}
        return self.events([replace(dealt, public={**dealt.public, **fair}), *others])

    def moved(self, events: Sequence[Event], mover: int, by: By) -> tuple[TableEvent, ...]:
        """The events of the move that led to this table; the last tells who has made it.

        A player's own move says that the mover is here, whatever became of their sockets.
        """
        move = {"number": self.move_count, "seat": mover, "by": by}
        return self.events(events, move=self._with_users(move))

    def events(self, events: Sequence[Event], **new: Any) -> tuple[TableEvent, ...]:
        """The events that led to this table as we tell them.

        Users are named where the rules name seats, and the last tells the log's head, the clock,
        and what else is `new`.
        """
        last = len(events) - 1
        new |= {"log_head": self.log_head, **self.clock.told(self.players)}
        return tuple(
            TableEvent(
                event.type,
                orjson.dumps(
                    {"type": event.type, **self._with_users(event.public)}
                    | (new if number == last else {})
                ),
                {seat: dict(own) for seat, own in event.private.items() if own},
            )
            for number, event in enumerate(events)
        )

    @property
    def log_head(self) -> str | None:
        return None if self.head is None else self.head.hex()

    def _with_users(self, public: Any) -> Json:
        named = dict(public)
        if isinstance(named.get("seat"), int):
            named["user_id"] = str(self.players[named["seat"]])
        if "winners" in named:
            named["winner_ids"] = [str(self.players[seat]) for seat in named["winners"]]
        return named

    def view(
        self,
        seat: int | None,
        seq: int,
        connected: Sequence[bool],
        reconnect_by: Sequence[datetime | None] = (),
    ) -> Json:
        """The contract's view of a game at `seq` of its stream; without a seat, a spectator's."""
        awaited = [by and rfc3339(by) for by in reconnect_by] or [None] * len(self.players)
        seen = self.game.view(self.state, seat)
        turn = seen["turn"]
        return {
            "game_id": str(self.game_id),
            "game": self.game.name,
            "status": seen["status"],
            "epoch": self.epoch,
            "seq": seq,
            "players": [
                {
                    "user_id": str(user_id),
                    "bot": level_of(user_id),
                    "seat": number,
                    "hand_size": seen["hand_sizes"][number],
                    "score": seen["scores"][number],
                    "connected": connected[number],
                    "reconnect_by": awaited[number],
                }
                for number, user_id in enumerate(self.players)
            ],
            "turn": None if turn is None else str(self.players[turn]),
            "your_hand": seen["your_hand"],
            "legal_plays": seen["legal_plays"],
            "table": seen["table"],
            **self.clock.told(self.players),
            "commitment": self.commitment,
            "log_head": self.log_head,
        }

    def scoreboard(self) -> Json:
        """The contract's scoreboard; it is the same for every player."""
        result = self.game.score(self.state)
        return {
            "game_id": str(self.game_id),
            "game": self.game.name,
            "status": self.status,
            "players": [
                {
                    "user_id": str(user_id),
                    "seat": seat,
                    "score": result.scores[seat],
                    "rank": result.ranks[seat],
                }
                for seat, user_id in enumerate(self.players)
            ],
            "rounds": [
                {
                    "round": number,
                    "scores": {
                        str(user_id): scores[seat] for seat, user_id in enumerate(self.players)
                    },
                }
                for number, scores in enumerate(result.rounds, start=1)
            ],
            "winner_ids": [str(winner) for winner in self.winner_ids()],
        }
