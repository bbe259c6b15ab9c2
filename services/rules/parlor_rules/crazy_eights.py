"""Crazy Eights, exactly as OpenSpiel plays it.

The catalog offers it; the use cases reach it only through the protocol. The variant is
`crazy_eights` of OpenSpiel 2.0 (google-deepmind/open_spiel, open_spiel/games/crazy_eights/
crazy_eights.cc) with max_draw_cards=5, reshuffle=true and no turn limit; option `special_cards`
is its use_special_cards. The tests play it in step with that program.

- One deck, 2 to 5 seats. The dealer is drawn by lot; from the seat after the dealer, one card at
  a time, each gets 5 cards (7 when two play).
- The dealer turns a card up. An eight goes back into the stock, which is shuffled again, and
  another is turned up. The seat after the dealer begins.
- A turn: play a card of the suit or the rank on top, or any eight and name a suit; or draw one
  card, even when holding a playable one, up to 5 in a turn, playing after any of them; after the
  fifth, play or pass. When nothing is left to draw, passing is always allowed.
- When the last card of the stock is drawn, or a card is played on an empty stock, the cards
  under the top card are shuffled into a new stock. After a draw there may be none, and the
  stock stays empty until a card is played; after a play there is always at least one.
- The deal ends when a seat has played its last card (an eight then names a suit in vain), or
  when nothing could be drawn for n + 1 passes in a row, so passing cannot go on for ever. Seats
  that keep playing and drawing can: OpenSpiel bounds that by a turn limit, we by the deadline.
- Special cards: Q skips the next seat, A reverses direction, 2 makes the next seat draw two,
  unless it plays a 2 itself, which adds two. A seat that starts to draw takes them all and its
  turn is over; if the stock runs out for good, the rest is forgiven. A turned-up special card
  counts as played by the dealer.
- Score, at the end only: minus 50 for each eight in hand, minus 10 for J, Q, K and A, and for
  another card minus (4 * rank + suit + 2), where ranks count from 0 for a two and suits are
  C=0, D=1, H=2, S=3. OpenSpiel's comments promise face values, but this is what its code
  charges (7S costs 25), and its code is our reference.
- A seat that forfeits gets OpenSpiel's worst score, -544; the others keep 0, since scoring their
  hands would tell what is in them.

A reshuffle draws from a seed of its own, derived from the game's seed and the reshuffle's number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from parlor_rules.cards import (
    DECK,
    RANKS,
    SUITS,
    choose_v1,
    derive_seed,
    rank_of,
    shuffle_v1,
    sort_cards,
    suit_of,
)
from parlor_rules.endings import dealt_event, final_events, standing, turn_event
from parlor_rules.moves import refuse_unless_legal, refuse_unless_turn
from parlor_rules.options import Switch, read_options
from parlor_rules.protocol import (
    Event,
    GameOver,
    InvalidSeats,
    Json,
    Option,
    Outcome,
    Play,
    Standing,
    Status,
    View,
)

MAX_DRAWS = 5
EIGHT, SKIP, REVERSE, DRAW_TWO = "8", "Q", "A", "2"
WORST_SCORE = -544

OPTIONS: Mapping[str, Option] = {"special_cards": Switch(False)}

DRAW = Play("draw")
PASS = Play("pass")


@dataclass(frozen=True, slots=True)
class CrazyEightsState:
    """Everything about the table. What is secret stays out of the repr, and so out of logs."""

    special_cards: bool
    dealer: int
    turn: int
    suit: str
    discards: tuple[str, ...]  # the top card is the last
    hands: tuple[tuple[str, ...], ...] = field(repr=False)
    stock: tuple[str, ...] = field(repr=False)  # the next card is the first
    seed: bytes = field(repr=False)
    direction: int = 1
    drawn: int = 0  # by the seat whose turn it is, in this turn
    pending_draw: int = 0  # cards that played twos oblige this seat to draw
    idle_passes: int = 0  # passes in a row with nothing to draw
    reshuffles: int = 0
    status: Status = "active"
    forfeited_by: int | None = None

    @property
    def top(self) -> str:
        return self.discards[-1]

    def after(self, step: int) -> int:
        """The seat that many places on, in the present direction."""
        return (self.turn + step * self.direction) % len(self.hands)


class CrazyEights:
    name = "crazy_eights"
    seats = range(2, 6)
    highest_wins = True
    known_options = OPTIONS

    def options(self, raw: Mapping[str, object]) -> dict[str, Any]:
        return read_options(raw, self.known_options)

    def deal(self, seed: bytes, seats: int, options: Mapping[str, object]) -> CrazyEightsState:
        if seats not in self.seats:
            raise InvalidSeats(self.seats, seats)
        special_cards = self.options(options)["special_cards"]
        dealer = choose_v1(derive_seed(seed, "crazy_eights.dealer"), seats)
        return _dealt(seed, seats, dealer, special_cards=special_cards)

    def next_deal(
        self, state: CrazyEightsState, seed: bytes, totals: tuple[int, ...]
    ) -> CrazyEightsState:
        seats = len(state.hands)
        dealer = (state.dealer + 1) % seats
        return _dealt(seed, seats, dealer, special_cards=state.special_cards)

    def match_points(self, state: CrazyEightsState) -> tuple[int, ...]:
        return self.score(state).scores

    def opening(self, state: CrazyEightsState) -> tuple[Event, ...]:
        dealt = dealt_event(state.hands, self.score(state).scores, _table(state))
        return (dealt, self._turn_event(state))

    def status(self, state: CrazyEightsState) -> Status:
        return state.status

    def finished(self, state: CrazyEightsState) -> bool:
        return state.status != "active"

    def turn(self, state: CrazyEightsState) -> int | None:
        return state.turn if state.status == "active" else None

    def legal_plays(self, state: CrazyEightsState, seat: int) -> tuple[Play, ...]:
        if seat != self.turn(state):
            return ()
        hand = state.hands[seat]
        if state.pending_draw:
            twos = (Play("play", card) for card in hand if rank_of(card) == DRAW_TWO)
            return (*twos, DRAW)
        plays: list[Play] = []
        for card in hand:
            if rank_of(card) == EIGHT:
                plays.extend(Play("play", card, suit=suit) for suit in SUITS)
            elif suit_of(card) == state.suit or rank_of(card) == rank_of(state.top):
                plays.append(Play("play", card))
        if _draws_left(state):
            plays.append(DRAW)
        if state.drawn == MAX_DRAWS or not state.stock:
            plays.append(PASS)
        return tuple(plays)

    def apply(self, state: CrazyEightsState, seat: int, play: Play) -> Outcome[CrazyEightsState]:
        refuse_unless_legal(self, state, seat, play)
        if play.action == "pass":
            moved, events = _pass(state)
        elif play.action == "draw":
            moved, events = _draw_owed(state) if state.pending_draw else _draw_one(state)
        else:
            moved, events = _play(state, play)
        if moved.status == "active":
            return Outcome(moved, (*events, self._turn_event(moved)))
        return Outcome(moved, (*events, *self._final_events(moved)))

    def timeout(self, state: CrazyEightsState, seat: int) -> Play | None:
        """A card that fits, an eight only if no other does; else pass, or draw while one must."""
        refuse_unless_turn(self, state, seat)
        return min(self.legal_plays(state, seat), key=_waited_for)

    def forfeit(self, state: CrazyEightsState, seat: int) -> Outcome[CrazyEightsState]:
        if state.status != "active":
            raise GameOver
        abandoned = replace(state, status="abandoned", forfeited_by=seat)
        return Outcome(abandoned, self._final_events(abandoned))

    def score(self, state: CrazyEightsState) -> Standing:
        if state.status == "finished":
            scores = [-sum(map(penalty, hand)) for hand in state.hands]
        else:
            seats = range(len(state.hands))
            scores = [WORST_SCORE if seat == state.forfeited_by else 0 for seat in seats]
        return standing(scores, state.status, highest_wins=True, forfeited_by=state.forfeited_by)

    def view(self, state: CrazyEightsState, seat: int | None) -> View:
        plays = () if seat is None else self.legal_plays(state, seat)
        return {
            "status": state.status,
            "turn": self.turn(state),
            "your_hand": [] if seat is None else list(state.hands[seat]),
            "legal_plays": [play.body() for play in plays],
            "hand_sizes": [len(hand) for hand in state.hands],
            "scores": list(self.score(state).scores),
            "table": _table(state),
        }

    def _turn_event(self, state: CrazyEightsState) -> Event:
        return turn_event(
            state.turn,
            self.legal_plays(state, state.turn),
            direction=state.direction,
            pending_draw=state.pending_draw,
            draws_left=_draws_left(state),
        )

    def _final_events(self, state: CrazyEightsState) -> tuple[Event, ...]:
        return final_events(self.score(state), state.status, state.forfeited_by)


Moved = tuple[CrazyEightsState, tuple[Event, ...]]


def _dealt(seed: bytes, seats: int, dealer: int, *, special_cards: bool) -> CrazyEightsState:
    deck = shuffle_v1(derive_seed(seed, "crazy_eights.deck"), DECK)
    dealt = seats * (7 if seats == 2 else 5)
    firsts = [(seat - dealer - 1) % seats for seat in range(seats)]
    stock, turned_up = deck[dealt:], 1
    while rank_of(stock[0]) == EIGHT:
        stock = shuffle_v1(derive_seed(seed, f"crazy_eights.turn_up.{turned_up}"), stock)
        turned_up += 1
    state = CrazyEightsState(
        special_cards=special_cards,
        dealer=dealer,
        turn=dealer,
        suit=suit_of(stock[0]),
        discards=stock[:1],
        hands=tuple(sort_cards(deck[first:dealt:seats]) for first in firsts),
        stock=stock[1:],
        seed=seed,
    )
    return _move_on(state)


def _play(state: CrazyEightsState, play: Play) -> Moved:
    seat, card = state.turn, play.card
    assert card is not None  # noqa: S101 -- every legal "play" names a card
    hand = tuple(held for held in state.hands[seat] if held != card)
    state = replace(
        state,
        hands=_with_hand(state, hand),
        discards=(*state.discards, card),
        suit=play.suit or suit_of(card),
    )
    played = Event(
        "game.card_played",
        {
            "seat": seat,
            "card": card,
            "suit": state.suit,
            "hand_size": len(hand),
            "discard_size": len(state.discards),
        },
    )
    if not hand:
        return replace(state, status="finished"), (played,)
    state = replace(state, drawn=0, idle_passes=0)
    state, reshuffled = _restock(state)
    return _move_on(state), (played, *reshuffled)


def _move_on(state: CrazyEightsState) -> CrazyEightsState:
    """Give the turn away after the card on top was played (or turned up by the dealer)."""
    if state.special_cards:
        rank = rank_of(state.top)
        if rank == SKIP:
            return replace(state, turn=state.after(2))
        if rank == REVERSE:
            state = replace(state, direction=-state.direction)
        elif rank == DRAW_TWO:
            state = replace(state, pending_draw=state.pending_draw + 2)
    return replace(state, turn=state.after(1))


def _draw_one(state: CrazyEightsState) -> Moved:
    """An ordinary draw: the turn stays."""
    state, events = _take_card(state)
    return replace(state, drawn=state.drawn + 1, idle_passes=0), events


def _draw_owed(state: CrazyEightsState) -> Moved:
    """Draw all that the twos oblige to; the turn is over."""
    events: tuple[Event, ...] = ()
    owed, idle_passes = state.pending_draw, 0
    while owed:
        state, more = _take_card(state)
        events += more
        owed -= 1
        if not state.stock:
            # As OpenSpiel counts: a pass when the last owed card was also the last of the stock.
            idle_passes = 0 if owed else 1
            owed = 0
    state = replace(state, pending_draw=0, idle_passes=idle_passes)
    return replace(state, turn=state.after(1)), events


def _pass(state: CrazyEightsState) -> Moved:
    passed = (Event("game.passed", {"seat": state.turn}),)
    idle_passes = 0 if state.stock else state.idle_passes + 1
    if idle_passes == len(state.hands) + 1:
        return replace(state, status="finished"), passed
    state = replace(state, drawn=0, idle_passes=idle_passes)
    return replace(state, turn=state.after(1)), passed


def _take_card(state: CrazyEightsState) -> Moved:
    seat, card = state.turn, state.stock[0]
    hand = sort_cards((*state.hands[seat], card))
    state = replace(state, hands=_with_hand(state, hand), stock=state.stock[1:])
    drawn = Event(
        "game.card_drawn",
        {"seat": seat, "hand_size": len(hand), "stock_size": len(state.stock)},
        {seat: {"card": card}},
    )
    state, reshuffled = _restock(state)
    return state, (drawn, *reshuffled)


def _restock(state: CrazyEightsState) -> Moved:
    """Turn the discards into a new stock if the stock is empty and there are any."""
    if state.stock or len(state.discards) == 1:
        return state, ()
    number = state.reshuffles + 1
    stock = shuffle_v1(
        derive_seed(state.seed, f"crazy_eights.reshuffle.{number}"),
        sort_cards(state.discards[:-1]),
    )
    state = replace(state, stock=stock, discards=state.discards[-1:], reshuffles=number)
    sizes = {"stock_size": len(state.stock), "discard_size": len(state.discards)}
    return state, (Event("game.stock_reshuffled", sizes),)


def _waited_for(play: Play) -> int:
    """Where a play stands among those that a seat whose clock has run out may make."""
    if play.card is None:
        return 2 if play.action == "pass" else 3
    return 1 if rank_of(play.card) == EIGHT else 0


def _with_hand(state: CrazyEightsState, hand: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return (*state.hands[: state.turn], hand, *state.hands[state.turn + 1 :])


def _draws_left(state: CrazyEightsState) -> int:
    """Cards that the seat may still choose to draw in this turn."""
    return MAX_DRAWS - state.drawn if state.stock and not state.pending_draw else 0


def penalty(card: str) -> int:
    rank = RANKS.index(rank_of(card))
    if rank_of(card) == EIGHT:
        return 50
    if rank >= RANKS.index("J"):
        return 10
    return 4 * rank + SUITS.index(suit_of(card)) + 2


def _table(state: CrazyEightsState) -> Json:
    return {
        "special_cards": state.special_cards,
        "dealer": state.dealer,
        "top_card": state.top,
        "suit": state.suit,
        "stock_size": len(state.stock),
        "discard_size": len(state.discards),
        "direction": state.direction,
        "pending_draw": state.pending_draw,
        "draws_left": _draws_left(state),
    }
