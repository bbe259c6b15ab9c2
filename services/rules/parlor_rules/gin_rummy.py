"""Gin Rummy, exactly as OpenSpiel plays it.

The catalog offers it; the use cases reach it only through the protocol. The reference is
`gin_rummy` of OpenSpiel 2.0 (google-deepmind/open_spiel, open_spiel/games/gin_rummy/), whose
parameters `oklahoma`, `knock_card`, `gin_bonus` and `undercut_bonus` are the options here, with
its defaults. The tests play it in step with that program; its player 0 is our first to act.

- Two seats, ten cards each, one card turned up. The dealer is drawn by lot, the other begins: it
  takes the upcard or passes, then the dealer may; if both pass, the first draws from the stock.
- A turn: take the upcard or draw from the stock, then discard one card, which is the new upcard.
- Knocking, instead of a discard: allowed if the best arrangement, one card discarded, leaves no
  more than the knock limit. The seat discards, then lays melds (sets of three or four, runs of
  three to five, ace low) until no more than the limit is left, and says `done`; what is left is
  shown. Laying all is gin.
- The other seat lays off cards on those melds, unless it was gin, says `done`, lays melds of its
  own and says `done`.
- With two cards left in the stock a seat may only knock, taking the upcard, or pass, which ends
  the deal without points. So does taking back the very upcard that was just taken and discarded,
  and the fiftieth upcard that is taken.
- With `oklahoma` the first upcard is the knock limit, and an ace means gin alone.
- Score: the knocker gets the other's rest minus its own, and the bonus for gin; if that is less
  than nothing, the other gets the bonus for the undercut besides. What one gets, the other pays.
  In a match only what a seat gets counts, so totals never fall.
- A seat that forfeits gets OpenSpiel's worst score, minus (98 + gin bonus), the other keeps 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from parlor_rules.cards import DECK, choose_v1, derive_seed, shuffle_v1, sort_cards
from parlor_rules.endings import dealt_event, final_events, standing, turn_event
from parlor_rules.melds import (
    Meld,
    best_arrangement,
    deadwood,
    discards_within,
    lay_offs,
    melds_within,
    unmatched,
    value_of,
)
from parlor_rules.moves import refuse_unless_legal, refuse_unless_turn
from parlor_rules.options import Switch, Whole, read_options
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

SEATS = 2
HAND = 10
WALL = 2  # cards of the stock that are never drawn
MOST_TAKES = 50
WORST_DEADWOOD = 98

OPTIONS: Mapping[str, Option] = {
    "oklahoma": Switch(False),
    "knock_card": Whole(0, 10, 10),
    "gin_bonus": Whole(0, 100, 25),
    "undercut_bonus": Whole(0, 100, 25),
}

DRAW, TAKE, PASS = Play("draw"), Play("take"), Play("pass")
KNOCK, DONE = Play("knock"), Play("done")

Phase = Literal["upcard", "draw", "discard", "wall", "knock", "meld", "lay_off"]


@dataclass(frozen=True, slots=True)
class GinRummyState:
    """Everything about the table. What is secret stays out of the repr, and so out of logs."""

    options: Mapping[str, Any]
    dealer: int
    turn: int
    limit: int  # the most that a knocker may be left with
    upcard: str | None
    hands: tuple[tuple[str, ...], ...] = field(repr=False)
    stock: tuple[str, ...] = field(repr=False)  # the next card is the first
    phase: Phase = "upcard"
    discards: tuple[str, ...] = ()  # below the upcard
    known: tuple[tuple[str, ...], ...] = ((),) * SEATS  # taken upcards that are still in hand
    passes: int = 0  # on the first upcard
    takes: int = 0  # of upcards, after the first
    upcard_before: str | None = None  # when the seat drew
    taken_back: bool = False  # the last seat discarded the very upcard that it had taken
    knocked_by: int | None = None
    melds: tuple[tuple[Meld, ...], ...] = ((),) * SEATS
    laid_off: tuple[str, ...] = ()
    shown: tuple[bool, ...] = (False,) * SEATS  # whose rest lies open
    status: Status = "active"
    forfeited_by: int | None = None

    @property
    def hand(self) -> tuple[str, ...]:
        return self.hands[self.turn]


class GinRummy:
    name = "gin_rummy"
    seats = range(SEATS, SEATS + 1)
    highest_wins = True
    known_options = OPTIONS

    def options(self, raw: Mapping[str, object]) -> dict[str, Any]:
        return read_options(raw, self.known_options)

    def deal(self, seed: bytes, seats: int, options: Mapping[str, object]) -> GinRummyState:
        if seats not in self.seats:
            raise InvalidSeats(self.seats, seats)
        dealer = choose_v1(derive_seed(seed, "gin_rummy.dealer"), SEATS)
        return _dealt(seed, self.options(options), dealer)

    def next_deal(
        self, state: GinRummyState, seed: bytes, totals: tuple[int, ...]
    ) -> GinRummyState:
        return _dealt(seed, state.options, 1 - state.dealer)

    def match_points(self, state: GinRummyState) -> tuple[int, ...]:
        return tuple(max(0, score) for score in self.score(state).scores)

    def opening(self, state: GinRummyState) -> tuple[Event, ...]:
        dealt = dealt_event(state.hands, self.score(state).scores, _table(state))
        return (dealt, self._turn_event(state))

    def status(self, state: GinRummyState) -> Status:
        return state.status

    def finished(self, state: GinRummyState) -> bool:
        return state.status != "active"

    def turn(self, state: GinRummyState) -> int | None:
        return state.turn if state.status == "active" else None

    def legal_plays(self, state: GinRummyState, seat: int) -> tuple[Play, ...]:
        if seat != self.turn(state):
            return ()
        hand = state.hands[seat]
        match state.phase:
            case "upcard":
                return (DRAW,) if state.passes == SEATS else (TAKE, PASS)
            case "draw":
                return (TAKE, DRAW)
            case "discard":
                discards = tuple(Play("discard", card) for card in hand)
                return (*discards, KNOCK) if deadwood(hand) <= state.limit else discards
            case "wall":
                assert state.upcard is not None  # noqa: S101 -- somebody has just discarded it
                may_knock = deadwood((*hand, state.upcard)) <= state.limit
                return (KNOCK, PASS) if may_knock else (PASS,)
            case "knock":
                return tuple(Play("discard", card) for card in discards_within(hand, state.limit))
            case "meld":
                knocker = seat == state.knocked_by
                limit = state.limit if knocker else WORST_DEADWOOD
                melds = tuple(Play("meld", cards=meld) for meld in melds_within(hand, limit))
                return (*melds, DONE) if not knocker or value_of(hand) <= limit else melds
            case "lay_off":
                fitting = lay_offs(state.melds[1 - seat], state.laid_off)
                return (*(Play("lay_off", card) for card in hand if card in fitting), DONE)

    def apply(self, state: GinRummyState, seat: int, play: Play) -> Outcome[GinRummyState]:
        refuse_unless_legal(self, state, seat, play)
        moved, events = _MOVES[play.action](state, play)
        if moved.status == "active":
            return Outcome(moved, (*events, self._turn_event(moved)))
        return Outcome(moved, (*events, *self._final_events(moved)))

    def timeout(self, state: GinRummyState, seat: int) -> Play | None:
        """From the stock, then away with the highest card beside the melds, and never a knock.

        Who has knocked, or must show its cards after a knock, lays its best melds.
        """
        refuse_unless_turn(self, state, seat)
        legal = self.legal_plays(state, seat)
        if state.phase in ("discard", "knock"):
            loose = {Play("discard", card): at for at, card in enumerate(unmatched(state.hand))}
            discards = [play for play in legal if play.action == "discard"]
            return max(discards, key=lambda play: loose.get(play, -1))
        if state.phase == "meld":
            best = [Play("meld", cards=meld) for meld in best_arrangement(state.hand)]
            return next((play for play in best if play in legal), DONE)
        return legal[-1]

    def forfeit(self, state: GinRummyState, seat: int) -> Outcome[GinRummyState]:
        if state.status != "active":
            raise GameOver
        abandoned = replace(state, status="abandoned", forfeited_by=seat)
        return Outcome(abandoned, self._final_events(abandoned))

    def score(self, state: GinRummyState) -> Standing:
        scores = [0] * SEATS
        if state.forfeited_by is not None:
            scores[state.forfeited_by] = -(WORST_DEADWOOD + state.options["gin_bonus"])
        elif state.status == "finished" and state.knocked_by is not None:
            mine = value_of(state.hands[state.knocked_by])
            other = value_of(state.hands[1 - state.knocked_by])
            gained = other - mine + (0 if mine else state.options["gin_bonus"])
            gained -= state.options["undercut_bonus"] if gained < 0 else 0
            scores[state.knocked_by], scores[1 - state.knocked_by] = gained, -gained
        return standing(scores, state.status, highest_wins=True, forfeited_by=state.forfeited_by)

    def view(self, state: GinRummyState, seat: int | None) -> View:
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

    def _turn_event(self, state: GinRummyState) -> Event:
        return turn_event(state.turn, self.legal_plays(state, state.turn), phase=state.phase)

    def _final_events(self, state: GinRummyState) -> tuple[Event, ...]:
        return final_events(self.score(state), state.status, state.forfeited_by)


Moved = tuple[GinRummyState, tuple[Event, ...]]
Row = TypeVar("Row")


def _dealt(seed: bytes, options: Mapping[str, Any], dealer: int) -> GinRummyState:
    deck = shuffle_v1(derive_seed(seed, "gin_rummy.deck"), DECK)
    dealt = SEATS * HAND
    upcard = deck[dealt]
    limit: int = options["knock_card"]
    if options["oklahoma"]:
        worth = value_of([upcard])
        limit = 0 if worth == 1 else worth
    return GinRummyState(
        options=options,
        dealer=dealer,
        turn=1 - dealer,
        limit=limit,
        upcard=upcard,
        hands=tuple(sort_cards(deck[(seat == dealer) : dealt : SEATS]) for seat in range(SEATS)),
        stock=deck[dealt + 1 :],
    )


def _pass(state: GinRummyState, play: Play) -> Moved:
    passed = (Event("game.passed", {"seat": state.turn}),)
    if state.phase == "wall":
        return replace(state, status="finished"), passed
    return replace(state, turn=1 - state.turn, passes=state.passes + 1), passed


def _take(state: GinRummyState, play: Play) -> Moved:
    takes = state.takes + (state.phase == "draw")
    if takes == MOST_TAKES:
        return _stalled(state)
    moved, taken = _with_upcard(replace(state, takes=takes, upcard_before=state.upcard))
    return replace(moved, phase="discard"), (taken,)


def _draw(state: GinRummyState, play: Play) -> Moved:
    seat, card, under = state.turn, state.stock[0], state.upcard
    assert under is not None  # noqa: S101 -- there is one whenever a seat may draw
    hand = sort_cards((*state.hand, card))
    moved = replace(
        state,
        hands=_put(state.hands, seat, hand),
        stock=state.stock[1:],
        discards=(*state.discards, under),
        upcard=None,
        upcard_before=under,
        phase="discard",
    )
    public = {"seat": seat, "hand_size": len(hand), "stock_size": len(moved.stock), "upcard": None}
    drawn = Event(
        "game.card_drawn", {**public, "discards": list(moved.discards)}, {seat: {"card": card}}
    )
    return moved, (drawn,)


def _discard(state: GinRummyState, play: Play) -> Moved:
    seat, card = state.turn, str(play.card)
    state = _without(state, (card,))
    public = {"seat": seat, "card": card, "hand_size": len(state.hand)}
    if state.phase == "knock":
        state = replace(state, phase="meld", discards=(*state.discards, card))
        last = {"upcard": None, "discards": list(state.discards)}
        return state, (Event("game.card_discarded", {**public, **last}),)
    event = Event("game.card_discarded", {**public, "upcard": card})
    taken_back = card == state.upcard_before
    state = replace(state, upcard=card, turn=1 - seat)
    if taken_back and state.taken_back:
        stalled, events = _stalled(state)
        return stalled, (event, *events)
    phase: Phase = "wall" if len(state.stock) == WALL else "draw"
    return replace(state, taken_back=taken_back, phase=phase), (event,)


def _knock(state: GinRummyState, play: Play) -> Moved:
    taken: tuple[Event, ...] = ()
    if state.phase == "wall":
        state, event = _with_upcard(state)
        taken = (event,)
    knocked = Event("game.knocked", {"seat": state.turn})
    return replace(state, phase="knock", knocked_by=state.turn), (*taken, knocked)


def _meld(state: GinRummyState, play: Play) -> Moved:
    seat = state.turn
    state = _without(state, play.cards)
    state = replace(state, melds=_put(state.melds, seat, (*state.melds[seat], play.cards)))
    public = {"seat": seat, "cards": list(play.cards), "hand_size": len(state.hand)}
    return state, (Event("game.melded", public),)


def _lay_off(state: GinRummyState, play: Play) -> Moved:
    seat, card = state.turn, str(play.card)
    state = _without(state, (card,))
    state = replace(state, laid_off=(*state.laid_off, card))
    public = {"seat": seat, "card": card, "hand_size": len(state.hand)}
    return state, (Event("game.laid_off", public),)


def _done(state: GinRummyState, play: Play) -> Moved:
    seat = state.turn
    if state.phase == "lay_off":
        return replace(state, phase="meld"), (Event("game.laid_off_all", {"seat": seat}),)
    state = replace(state, shown=_put(state.shown, seat, True))
    shown = (Event("game.hand_shown", {"seat": seat, "cards": list(state.hand)}),)
    if seat != state.knocked_by:
        return replace(state, status="finished"), shown
    gin = not state.hand
    return replace(state, turn=1 - seat, phase="meld" if gin else "lay_off"), shown


_MOVES = {
    "pass": _pass,
    "take": _take,
    "draw": _draw,
    "discard": _discard,
    "knock": _knock,
    "meld": _meld,
    "lay_off": _lay_off,
    "done": _done,
}


def _stalled(state: GinRummyState) -> Moved:
    """Nobody gets anywhere any more."""
    return replace(state, status="finished"), (Event("game.stalled", {"seat": state.turn}),)


def _with_upcard(state: GinRummyState) -> tuple[GinRummyState, Event]:
    """The seat takes the upcard, and everybody knows that it holds it."""
    seat, card = state.turn, str(state.upcard)
    hand = sort_cards((*state.hand, card))
    taken = {"seat": seat, "card": card, "hand_size": len(hand), "upcard": None}
    known = _put(state.known, seat, sort_cards((*state.known[seat], card)))
    hands = _put(state.hands, seat, hand)
    return replace(state, hands=hands, known=known, upcard=None), Event("game.card_taken", taken)


def _without(state: GinRummyState, cards: tuple[str, ...]) -> GinRummyState:
    seat = state.turn
    hand = tuple(card for card in state.hand if card not in cards)
    known = tuple(card for card in state.known[seat] if card not in cards)
    return replace(state, hands=_put(state.hands, seat, hand), known=_put(state.known, seat, known))


def _put(rows: tuple[Row, ...], seat: int, row: Row) -> tuple[Row, ...]:
    return (*rows[:seat], row, *rows[seat + 1 :])


def _table(state: GinRummyState) -> Json:
    """What lies open; it is the same for both seats."""
    return {
        "options": dict(state.options),
        "dealer": state.dealer,
        "phase": state.phase,
        "knock_limit": state.limit,
        "upcard": state.upcard,
        "discards": list(state.discards),
        "stock_size": len(state.stock),
        "known_cards": [list(cards) for cards in state.known],
        "knocked_by": state.knocked_by,
        "melds": [[list(meld) for meld in melds] for melds in state.melds],
        "laid_off": list(state.laid_off),
        "shown": [
            list(hand) if shown else None
            for hand, shown in zip(state.hands, state.shown, strict=True)
        ],
    }
