"""Spades in partnerships, exactly as OpenSpiel plays it.

The catalog offers it; the use cases reach it only through the protocol. The reference is `spades`
of OpenSpiel 2.0 (google-deepmind/open_spiel, open_spiel/games/spades/). The tests play it in step
with that program; its player 0 is our first to act.

- Four seats, 13 cards each; seats 0 and 2 are partners, and 1 and 3. The dealer is drawn by lot,
  and the seat after the dealer bids first and leads the first trick.
- Each seat bids once, from nil (0) to 13 tricks, and partners no more than 13 together.
- Follow suit if you can, else play any card. The highest spade takes the trick, else the highest
  card of the suit led, and leads the next.
- Spades are led only by a seat that has nothing else: OpenSpiel's code never notes that spades
  are broken, and its code is our reference. With `break_spades`, the usual rule, they may be led
  once one has been played.
- Score of a side: ten for each trick that it bid together, plus one for each trick more (a bag);
  or minus ten for each trick bid if it took fewer. A nil brings 100, a nil that takes a trick
  costs 100, and that trick counts for the partner's bid. Every tenth bag costs 100: in a match,
  as OpenSpiel does, the last digit of the side's total says how many there were before.
- What OpenSpiel adds for winning or losing a whole game is left out: a match has a target score.
- A seat that forfeits gets the worst score of a deal, -290 (two nils that take ten tricks), and
  so does its partner; the other side keeps 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from parlor_rules.cards import (
    DECK,
    RANKS,
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

SEATS = 4
TRICKS = 13
TRUMP = "S"
NIL_BONUS = 100
BAGS, BAGS_PENALTY = 10, 100
WORST_SCORE = -290

OPTIONS: Mapping[str, Option] = {"break_spades": Switch(False)}


@dataclass(frozen=True, slots=True)
class Trick:
    """Four cards on the table, in the order played."""

    cards: tuple[tuple[int, str], ...]  # (seat, card)
    winner: int


@dataclass(frozen=True, slots=True)
class SpadesState:
    """Everything about the table. What is secret stays out of the repr, and so out of logs."""

    options: Mapping[str, Any]
    dealer: int
    turn: int
    hands: tuple[tuple[str, ...], ...] = field(repr=False)
    totals: tuple[int, ...] = (0,) * SEATS  # of the match before this deal
    bids: tuple[int | None, ...] = (None,) * SEATS
    trick: tuple[tuple[int, str], ...] = ()  # the unfinished one
    tricks: tuple[Trick, ...] = ()
    spades_played: bool = False
    status: Status = "active"
    forfeited_by: int | None = None

    @property
    def bidding(self) -> bool:
        return None in self.bids

    @property
    def may_lead_spades(self) -> bool:
        return bool(self.options["break_spades"]) and self.spades_played


class Spades:
    name = "spades"
    seats = range(SEATS, SEATS + 1)
    highest_wins = True
    known_options = OPTIONS

    def options(self, raw: Mapping[str, object]) -> dict[str, Any]:
        return read_options(raw, self.known_options)

    def deal(self, seed: bytes, seats: int, options: Mapping[str, object]) -> SpadesState:
        if seats not in self.seats:
            raise InvalidSeats(self.seats, seats)
        dealer = choose_v1(derive_seed(seed, "spades.dealer"), SEATS)
        return _dealt(seed, self.options(options), dealer)

    def next_deal(self, state: SpadesState, seed: bytes, totals: tuple[int, ...]) -> SpadesState:
        dealt = _dealt(seed, state.options, (state.dealer + 1) % SEATS)
        return replace(dealt, totals=totals)

    def match_points(self, state: SpadesState) -> tuple[int, ...]:
        return self.score(state).scores

    def opening(self, state: SpadesState) -> tuple[Event, ...]:
        dealt = dealt_event(state.hands, self.score(state).scores, _table(state))
        return (dealt, self._turn_event(state))

    def status(self, state: SpadesState) -> Status:
        return state.status

    def finished(self, state: SpadesState) -> bool:
        return state.status != "active"

    def turn(self, state: SpadesState) -> int | None:
        return state.turn if state.status == "active" else None

    def legal_plays(self, state: SpadesState, seat: int) -> tuple[Play, ...]:
        if seat != self.turn(state):
            return ()
        if state.bidding:
            left = TRICKS - (state.bids[_partner(seat)] or 0)
            return tuple(Play("bid", bid=bid) for bid in range(left + 1))
        return tuple(Play("play", card) for card in _playable(state))

    def apply(self, state: SpadesState, seat: int, play: Play) -> Outcome[SpadesState]:
        refuse_unless_legal(self, state, seat, play)
        moved, events = _play(state, play.card) if play.card else _bid(state, play.bid)
        if moved.status == "active":
            return Outcome(moved, (*events, self._turn_event(moved)))
        return Outcome(moved, (*events, *self._final_events(moved)))

    def timeout(self, state: SpadesState, seat: int) -> Play | None:
        """A bid of one if there is still one to bid; the lowest card, a spade only if it must."""
        refuse_unless_turn(self, state, seat)
        legal = self.legal_plays(state, seat)
        if state.bidding:
            return legal[min(1, len(legal) - 1)]
        return min(legal, key=_waited_for)

    def forfeit(self, state: SpadesState, seat: int) -> Outcome[SpadesState]:
        if state.status != "active":
            raise GameOver
        abandoned = replace(state, status="abandoned", forfeited_by=seat)
        return Outcome(abandoned, self._final_events(abandoned))

    def score(self, state: SpadesState) -> Standing:
        scores = [0] * SEATS
        if state.status == "finished":
            scores = [_side_score(state, seat) for seat in range(SEATS)]
        elif state.forfeited_by is not None:
            scores[state.forfeited_by] = scores[_partner(state.forfeited_by)] = WORST_SCORE
        return standing(scores, state.status, highest_wins=True, forfeited_by=state.forfeited_by)

    def view(self, state: SpadesState, seat: int | None) -> View:
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

    def _turn_event(self, state: SpadesState) -> Event:
        return turn_event(state.turn, self.legal_plays(state, state.turn), phase=_phase(state))

    def _final_events(self, state: SpadesState) -> tuple[Event, ...]:
        return final_events(self.score(state), state.status, state.forfeited_by)


Moved = tuple[SpadesState, tuple[Event, ...]]


def _dealt(seed: bytes, options: Mapping[str, Any], dealer: int) -> SpadesState:
    deck = shuffle_v1(derive_seed(seed, "spades.deck"), DECK)
    hands = tuple(sort_cards(deck[seat::SEATS]) for seat in range(SEATS))
    return SpadesState(options=options, dealer=dealer, turn=(dealer + 1) % SEATS, hands=hands)


def _bid(state: SpadesState, bid: int | None) -> Moved:
    seat = state.turn
    bids = (*state.bids[:seat], bid, *state.bids[seat + 1 :])
    event = Event("game.bid", {"seat": seat, "bid": bid, "changed": {"bids": list(bids)}})
    return replace(state, bids=bids, turn=(seat + 1) % SEATS), (event,)


def _play(state: SpadesState, card: str) -> Moved:
    seat = state.turn
    hand = tuple(held for held in state.hands[seat] if held != card)
    state = replace(
        state,
        hands=(*state.hands[:seat], hand, *state.hands[seat + 1 :]),
        trick=(*state.trick, (seat, card)),
        spades_played=state.spades_played or suit_of(card) == TRUMP,
        turn=(seat + 1) % SEATS,
    )
    changed = {"may_lead_spades": state.may_lead_spades}
    public = {"seat": seat, "card": card, "hand_size": len(hand), "changed": changed}
    played = Event("game.card_played", public)
    if len(state.trick) < SEATS:
        return state, (played,)
    trick = Trick(state.trick, _winner(state.trick))
    state = replace(state, trick=(), tricks=(*state.tricks, trick), turn=trick.winner)
    if not any(state.hands):
        state = replace(state, status="finished")
    took = Event("game.trick_taken", {"seat": trick.winner, "cards": _shown(trick.cards)})
    return state, (played, took)


def _playable(state: SpadesState) -> tuple[str, ...]:
    hand = state.hands[state.turn]
    if state.trick:
        led = suit_of(state.trick[0][1])
        return tuple(card for card in hand if suit_of(card) == led) or hand
    if state.may_lead_spades:
        return hand
    return tuple(card for card in hand if suit_of(card) != TRUMP) or hand


def _winner(cards: tuple[tuple[int, str], ...]) -> int:
    led = suit_of(cards[0][1])

    def strength(played: tuple[int, str]) -> tuple[bool, bool, int]:
        suit = suit_of(played[1])
        return suit == TRUMP, suit == led, RANKS.index(rank_of(played[1]))

    return max(cards, key=strength)[0]


def _partner(seat: int) -> int:
    return (seat + 2) % SEATS


def _taken(state: SpadesState) -> list[int]:
    return [sum(trick.winner == seat for trick in state.tricks) for seat in range(SEATS)]


def _side_score(state: SpadesState, seat: int) -> int:
    """The score of the deal for the side of this seat."""
    side, taken = (seat, _partner(seat)), _taken(state)
    contract = sum(state.bids[member] or 0 for member in side)
    over = sum(taken[member] for member in side) - contract
    nils = [taken[member] for member in side if state.bids[member] == 0]
    score = sum(-NIL_BONUS if tricks else NIL_BONUS for tricks in nils)
    if over < 0:
        return score - 10 * contract
    total = state.totals[seat]
    before = abs(total) % BAGS if total >= 0 else -(abs(total) % BAGS)  # as C++ divides
    return score + 10 * contract + over - BAGS_PENALTY * (max(0, before + over) // BAGS)


def _waited_for(play: Play) -> tuple[bool, int]:
    """Where a card stands among those that a seat whose clock has run out may play."""
    card = str(play.card)
    return suit_of(card) == TRUMP, RANKS.index(rank_of(card))


def _phase(state: SpadesState) -> str:
    return "bidding" if state.bidding else "playing"


def _shown(cards: tuple[tuple[int, str], ...]) -> list[Json]:
    return [{"seat": seat, "card": card} for seat, card in cards]


def _table(state: SpadesState) -> Json:
    """What lies open; it is the same for all seats."""
    last = state.tricks[-1] if state.tricks else None
    return {
        "options": dict(state.options),
        "dealer": state.dealer,
        "phase": _phase(state),
        "bids": list(state.bids),
        "trick": _shown(state.trick),
        "last_trick": last and {"seat": last.winner, "cards": _shown(last.cards)},
        "tricks_taken": _taken(state),
        "may_lead_spades": state.may_lead_spades,
    }
