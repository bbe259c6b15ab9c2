"""A client that follows a table by its events alone.

It is what a player's program would be: it knows its seat, keeps a view, and never asks the
server again. The tests compare its view with the server's after every event of a game.
"""

from typing import Any

from parlor_rules.cards import sort_cards

TURN_FACTS = ("direction", "pending_draw", "draws_left", "phase")
TABLE_FACTS = ("suit", "stock_size", "discard_size", "hearts_broken", "upcard", "discards")


class Follower:
    def __init__(self, seat: int | None) -> None:
        self.seat = seat
        self.view: dict[str, Any] = {}

    def receive(self, event: dict[str, Any]) -> None:
        """Take in one event as the server sends it to this seat."""
        name = event["type"].removeprefix("game.")
        getattr(self, f"_{name}", self._other)(event)
        if "changed" in event:
            self._table.update(event["changed"])

    def _other(self, event: dict[str, Any]) -> None:
        """What a client needs not know the meaning of: what it changes, it says itself."""
        if "changed" not in event:
            raise AssertionError(f"nothing says what {event} does to the table")

    def _dealt(self, event: dict[str, Any]) -> None:
        self.view = {
            "status": "active",
            "turn": None,
            "your_hand": event.get("your_hand", []),
            "legal_plays": [],
            "hand_sizes": event["hand_sizes"],
            "scores": event["scores"],
            "table": event["table"],
        }

    def _turn(self, event: dict[str, Any]) -> None:
        self.view["turn"] = event["seat"]
        self.view["legal_plays"] = event.get("legal_plays", [])
        self._note(event, TURN_FACTS)

    def _card_played(self, event: dict[str, Any]) -> None:
        seat, card = event["seat"], event["card"]
        self._lose(seat, [card])
        self.view["hand_sizes"][seat] = event["hand_size"]
        self._note(event, TABLE_FACTS)
        if "trick" in self._table:
            self._table["trick"] = [*self._table["trick"], {"seat": seat, "card": card}]
        else:
            self._table["top_card"] = card

    def _card_drawn(self, event: dict[str, Any]) -> None:
        self.view["hand_sizes"][event["seat"]] = event["hand_size"]
        self._note(event, TABLE_FACTS)
        if "card" in event:
            self._gain([event["card"]])

    def _card_taken(self, event: dict[str, Any]) -> None:
        seat, card = event["seat"], event["card"]
        self.view["hand_sizes"][seat] = event["hand_size"]
        self._note(event, TABLE_FACTS)
        known = self._table["known_cards"]
        known[seat] = list(sort_cards((*known[seat], card)))
        if seat == self.seat:
            self._gain([card])

    def _card_discarded(self, event: dict[str, Any]) -> None:
        self._give_up(event, [event["card"]])

    def _knocked(self, event: dict[str, Any]) -> None:
        self._table["knocked_by"] = event["seat"]

    def _melded(self, event: dict[str, Any]) -> None:
        self._give_up(event, event["cards"])
        self._table["melds"][event["seat"]].append(event["cards"])

    def _laid_off(self, event: dict[str, Any]) -> None:
        self._give_up(event, [event["card"]])
        self._table["laid_off"].append(event["card"])

    def _laid_off_all(self, event: dict[str, Any]) -> None:
        assert event["seat"] == self.view["turn"]

    def _hand_shown(self, event: dict[str, Any]) -> None:
        self._table["shown"][event["seat"]] = event["cards"]

    def _stalled(self, event: dict[str, Any]) -> None:
        self.stalled = True

    def _stock_reshuffled(self, event: dict[str, Any]) -> None:
        self._note(event, TABLE_FACTS)

    def _passed(self, event: dict[str, Any]) -> None:
        assert event["seat"] == self.view["turn"]

    def _cards_passed(self, event: dict[str, Any]) -> None:
        seat = event["seat"]
        self.view["hand_sizes"][seat] = event["hand_size"]
        self._table["passed_counts"][seat] = event["count"]
        if "cards" in event:
            self._lose(seat, event["cards"])
            given = (*self._table["your_passed"], *event["cards"])
            self._table["your_passed"] = list(sort_cards(given))

    def _cards_received(self, event: dict[str, Any]) -> None:
        self.view["hand_sizes"] = event["hand_sizes"]
        if "cards" in event:
            self._gain(event["cards"])
            self._table["your_received"] = event["cards"]

    def _trick_taken(self, event: dict[str, Any]) -> None:
        self._table["last_trick"] = {
            name: event[name] for name in ("seat", "cards", "points") if name in event
        }
        self._table["trick"] = []
        self._table["tricks_taken"][event["seat"]] += 1
        self.view["scores"] = event.get("scores", self.view["scores"])

    def _round_scored(self, event: dict[str, Any]) -> None:
        self.view["scores"] = event["scores"]

    def _finished(self, event: dict[str, Any]) -> None:
        assert event["scores"] == self.view["scores"]
        self.view["status"] = event["status"]
        self.view["turn"] = None
        self.view["legal_plays"] = []

    def _give_up(self, event: dict[str, Any], cards: list[str]) -> None:
        """Cards leave a hand openly."""
        seat = event["seat"]
        self._lose(seat, cards)
        self.view["hand_sizes"][seat] = event["hand_size"]
        self._note(event, TABLE_FACTS)
        known = self._table["known_cards"]
        known[seat] = [card for card in known[seat] if card not in cards]

    @property
    def _table(self) -> dict[str, Any]:
        table: dict[str, Any] = self.view["table"]
        return table

    def _note(self, event: dict[str, Any], facts: tuple[str, ...]) -> None:
        self._table.update({fact: event[fact] for fact in facts if fact in event})

    def _gain(self, cards: list[str]) -> None:
        self.view["your_hand"] = list(sort_cards((*self.view["your_hand"], *cards)))

    def _lose(self, seat: int, cards: list[str]) -> None:
        if seat == self.seat:
            kept = [card for card in self.view["your_hand"] if card not in cards]
            self.view["your_hand"] = kept
