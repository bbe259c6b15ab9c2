"""A player's program: it starts from one view, follows events, and plays before it has the answer.

It is what a good client does against a slow line. It keeps the whole view of the contract, not
only what the rules say; it plays on the view that it has, shows the player the hand without the
card at once, and when it learns that the table has moved on it takes the view that came with the
refusal and plays again, if the play is still there.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from factories.card_tables import CardTable, Seat
from factories.identity_stand_in import User
from factories.running_api import Reply
from factories.table_follower import Follower

RULES = ("status", "your_hand", "legal_plays", "table")
NOTED = ("deadline", "reserves", "log_head")


class TableClient:
    def __init__(self, table: CardTable, player: User, socket: Seat) -> None:
        self.table = table
        self.player = player
        self._socket = socket
        self._taken = 0
        self.base: dict[str, Any] = {}
        self.follower = Follower(table.players.index(player))
        self.optimistic: dict[str, Any] | None = None
        self.stale = 0
        self.take(socket.welcome["snapshot"])

    def take(self, view: dict[str, Any]) -> None:
        """Start anew from a view of the server."""
        self.base = {name: value for name, value in view.items() if name not in RULES}
        ids = [player["user_id"] for player in view["players"]]
        self.follower.view = {name: view[name] for name in RULES} | {
            "turn": None if view["turn"] is None else ids.index(view["turn"]),
            "hand_sizes": [player["hand_size"] for player in view["players"]],
            "scores": [player["score"] for player in view["players"]],
        }

    @property
    def seq(self) -> int:
        return int(self.base["seq"])

    def view(self) -> dict[str, Any]:
        """The contract's view, as this client believes it to be."""
        seen = self.follower.view
        players = [
            player | {"hand_size": seen["hand_sizes"][seat], "score": seen["scores"][seat]}
            for seat, player in enumerate(self.base["players"])
        ]
        turn = None if seen["turn"] is None else players[seen["turn"]]["user_id"]
        return {
            **self.base,
            **{name: seen[name] for name in RULES},
            "players": players,
            "turn": turn,
        }

    def hand(self) -> list[str]:
        """What the player sees: the hand, less what they have just put down."""
        gone = [] if self.optimistic is None else self.optimistic.get("cards", [])
        gone = [*gone, (self.optimistic or {}).get("card")]
        return [card for card in self.follower.view["your_hand"] if card not in gone]

    def hear(self, most: int | None = None) -> None:
        """Take in events that have come, at most so many; what the view already has is skipped."""
        waiting = deque(self._socket.events[self._taken :])
        while waiting and most != 0:
            frame = waiting.popleft()
            self._taken += 1
            if frame["seq"] > self.seq:
                assert frame["seq"] == self.seq + 1, "an event is missing"
                self._apply(frame)
                most = None if most is None else most - 1

    def _apply(self, frame: dict[str, Any]) -> None:
        event = frame["event"]
        self.base["seq"] = frame["seq"]
        if event["type"].startswith("player."):
            player = self.base["players"][event["seat"]]
            player["connected"] = event["type"] == "player.connected"
            player["reconnect_by"] = event.get("reconnect_by")
            return
        if event["type"] == "game.clock":
            for player in self.base["players"]:
                player["reconnect_by"] = event["reconnect_by"].get(player["user_id"])
            self.base["deadline"] = event["deadline"]
            return
        self.follower.receive(event)
        self.base |= {name: event[name] for name in NOTED if name in event}
        self._note_who_is_here(event.get("move"))

    def _note_who_is_here(self, move: dict[str, Any] | None) -> None:
        """Who plays is waited for no longer, and when the game is over nobody is."""
        over = self.follower.view["status"] != "active"
        for player in self.base["players"]:
            played = move and move["by"] == "player" and move["user_id"] == player["user_id"]
            if over or played:
                player["reconnect_by"] = None

    async def play(self, body: dict[str, Any], *, key: str | None = None) -> Reply:
        """Play on the view that this client has, and again on the present one if it was late."""
        for _ in range(10):
            self.optimistic = body
            reply = await self.table.play(self.player, body | {"expected_seq": self.seq}, key=key)
            self.optimistic = None
            if reply.status == 409 and reply.code == "stale_play":
                self.stale += 1
                self.take(reply.body["view"])
                if body in self.follower.view["legal_plays"]:
                    continue
            return reply
        raise AssertionError("the table never stands still")
