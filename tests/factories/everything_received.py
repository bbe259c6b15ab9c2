"""Every byte that each seat of a table receives, and what each seat could know when it came.

`Ears` keeps whole answers and frames as they arrived; `Knowledge` says by the rules alone, from
the seed and the log, which cards a seat had seen at each seq of the stream. A test holds one
against the other.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import orjson
from factories.identity_stand_in import User
from parlor_game.table_options import for_rules
from parlor_rules.cards import derive_seed
from parlor_rules.catalog import GAMES
from parlor_rules.move_log import applied

CARD = re.compile(r"(?<![0-9A-Za-z_-])[2-9TJQKA][CDHS](?![0-9A-Za-z_-])")


def cards(received: str) -> set[str]:
    return set(CARD.findall(received))


@dataclass
class Received:
    """Something that came to a seat when the stream of the game stood at `seq`, at the latest."""

    seat: int
    what: str
    head: str
    body: str
    seq: int


@dataclass
class Ears:
    """Asks for players of one game and keeps whatever comes back, refusals as well."""

    base: str
    http: aiohttp.ClientSession
    game_id: str
    players: Sequence[User]
    received: list[Received] = field(default_factory=list)

    async def ask(self, seat: int, method: str, path: str, json: Any = None) -> tuple[int, Any]:
        """One request of this player; the answer is kept byte by byte."""
        async with self.http.request(
            method, self.base + path, headers=self.players[seat].authorization, json=json
        ) as answer:
            body = (await answer.read()).decode()
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.received.append(Received(seat, f"{method} {path}", head, body, -1))
        return answer.status, orjson.loads(body)

    async def of_game(
        self, seat: int, what: str = "", method: str = "GET", json: Any = None
    ) -> Any:
        return await self.ask(seat, method, f"/api/v1/games/{self.game_id}{what}", json)

    def stood_at(self, seq: int) -> None:
        """What has come since the last call came when the stream stood at no later seq."""
        for one in reversed(self.received):
            if one.seq >= 0:
                break
            one.seq = seq


class Knowledge:
    """Which cards each seat could have seen by the rules, in the deal of that seq and in all."""

    def __init__(self, seats: int) -> None:
        self._seqs: list[int] = []
        self._now: list[list[set[str]]] = [[] for _ in range(seats)]
        self._ever: list[list[set[str]]] = [[] for _ in range(seats)]

    def learn(self, seq: int, shown: Sequence[str], *, dealt: bool) -> None:
        """After this seq each seat has been shown this; a deal begins a new deck."""
        self._seqs.append(seq)
        for seat, text in enumerate(shown):
            now, ever = self._now[seat], self._ever[seat]
            ever.append((ever[-1] if ever else set()) | cards(text))
            now.append((now[-1] if now and not dealt else set()) | cards(text))

    def at(self, seq: int, seat: int) -> set[str]:
        return self._now[seat][bisect_right(self._seqs, seq) - 1]

    def until(self, seq: int, seat: int) -> set[str]:
        return self._ever[seat][bisect_right(self._seqs, seq) - 1]


async def knowledge(rows: asyncpg.Connection, game_id: UUID) -> Knowledge:
    """By the rules alone, from what the database keeps of the game."""
    row = await rows.fetchrow("SELECT * FROM games WHERE id = $1", game_id)
    log = await rows.fetch("SELECT * FROM game_moves WHERE game_id = $1 ORDER BY number", game_id)
    rules, seats = GAMES[row["game"]], range(row["seats"])
    state = rules.deal(row["seed"], len(seats), for_rules(orjson.loads(row["options"])))
    found = Knowledge(len(seats))

    def learn(seq: int, events: Any) -> None:
        dealt = any(event.type == "game.dealt" for event in events)
        told = [[event.seen_from(seat) for event in events] for seat in seats]
        shown = [repr((told[seat], rules.view(state, seat))) for seat in seats]
        found.learn(seq, shown, dealt=dealt)

    learn(0, rules.opening(state))
    for move in log:
        outcome = applied(rules, state, move["seat"], orjson.loads(move["play"]))
        state = outcome.state
        # The events of a move end at its seq; none of them may be known before its first.
        learn(move["seq"] - len(outcome.events) + 1, outcome.events)
    return found


async def secrets_of(rows: asyncpg.Connection, game_id: UUID) -> list[bytes]:
    """Everything from which the order of the cards, or a hidden move, could be found."""
    row = await rows.fetchrow("SELECT * FROM games WHERE id = $1", game_id)
    draws = ("deck", "dealer", "direction", "turn_up.1", "reshuffle.0", "reshuffle.1")
    labels = [f"{row['game']}.{draw}" for draw in draws] + [f"deal-{n}" for n in range(1, 9)]
    salts = [f"log-{number}" for number in (1, 2, 3, row["move_count"])]
    return [
        row["server_seed"],
        row["seed"],
        *(derive_seed(row["seed"], label) for label in labels),
        *(derive_seed(row["server_seed"], label) for label in salts),
    ]


def written(secret: bytes) -> Iterator[str]:
    """The ways in which bytes are put into text."""
    yield secret.hex()
    yield secret.hex().upper()
    yield base64.b64encode(secret).decode().rstrip("=")
    yield base64.urlsafe_b64encode(secret).decode().rstrip("=")
    yield str(int.from_bytes(secret, "big"))
    yield str(int.from_bytes(secret, "little"))
    yield secret.decode("latin-1")
