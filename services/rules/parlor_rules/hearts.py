"""Hearts, exactly as OpenSpiel plays it.

The catalog offers it; the use cases reach it only through the protocol. The reference is `hearts`
of OpenSpiel 2.0 (google-deepmind/open_spiel, open_spiel/games/hearts/hearts.cc), whose eight
parameters are the options here, with its defaults. The tests play it in step with that program.

- Four seats, 13 cards each. The passing direction is drawn by lot, each as likely: none, left
  (to the next seat), across, right. Without `pass_cards` it is none.
- Passing goes seat by seat, 0 first, and each gives three cards, one a play. They leave the hand
  at once and reach their new seat when seat 3 has given its third: nobody chooses after seeing
  what it got.
- Who then holds 2C leads it (any club with `can_lead_any_club`). Follow suit if you can; the
  highest card of the suit led takes the trick and leads. On the first trick no heart and no QS,
  unless there is nothing else (`no_pts_on_first_trick`). Hearts may not be led before a heart
  or, with `qs_breaks_hearts`, QS has been played, unless there is nothing else
  (`must_break_hearts`). With `can_lead_hearts_instead_of_qs`, a seat left with hearts and QS
  alone may lead either.
- Points are bad: one for a heart, 13 for QS and, with `jd_bonus`, -10 for JD. Who takes all 26
  gets 26 less, and each other seat 26 more. If nobody does, `avoid_all_tricks_bonus` gives -5
  for taking no trick. OpenSpiel's return of a seat is 26 minus these points.
- A seat that forfeits gets 26 points; the others keep what they have taken so far.
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
PASSED_CARDS = 3
DIRECTIONS = ("none", "left", "across", "right")  # by how many seats a passed card moves
NEXT_DIRECTION = (1, 3, 0, 2)  # in a match: left, right, across, none, and again
FIRST_LEAD, QUEEN, JACK = "2C", "QS", "JD"
ALL_POINTS = 26
NO_TRICK_BONUS = -5

DEFAULTS = {
    "pass_cards": True,
    "no_pts_on_first_trick": True,
    "can_lead_any_club": False,
    "jd_bonus": False,
    "avoid_all_tricks_bonus": False,
    "must_break_hearts": True,
    "qs_breaks_hearts": True,
    "can_lead_hearts_instead_of_qs": False,
}
OPTIONS: Mapping[str, Option] = {name: Switch(default) for name, default in DEFAULTS.items()}


@dataclass(frozen=True, slots=True)
class HeartsOptions:
    """The options of one deal; `DEFAULTS` has the same names."""

    pass_cards: bool
    no_pts_on_first_trick: bool
    can_lead_any_club: bool
    jd_bonus: bool
    avoid_all_tricks_bonus: bool
    must_break_hearts: bool
    qs_breaks_hearts: bool
    can_lead_hearts_instead_of_qs: bool


@dataclass(frozen=True, slots=True)
class Trick:
    """Four cards on the table, in the order played."""

    cards: tuple[tuple[int, str], ...]  # (seat, card)
    winner: int
    points: int


@dataclass(frozen=True, slots=True)
class HeartsState:
    """Everything about the table. What is secret stays out of the repr, and so out of logs."""

    options: HeartsOptions
    direction: int
    turn: int
    hands: tuple[tuple[str, ...], ...] = field(repr=False)
    passed: tuple[tuple[str, ...], ...] = field(repr=False, default=((),) * SEATS)
    passing: bool = False
    trick: tuple[tuple[int, str], ...] = ()  # the unfinished one
    tricks: tuple[Trick, ...] = ()
    hearts_broken: bool = False
    status: Status = "active"
    forfeited_by: int | None = None


class Hearts:
    name = "hearts"
    seats = range(SEATS, SEATS + 1)
    highest_wins = False
    known_options = OPTIONS

    def options(self, raw: Mapping[str, object]) -> dict[str, Any]:
        return read_options(raw, self.known_options)

    def deal(self, seed: bytes, seats: int, options: Mapping[str, object]) -> HeartsState:
        if seats not in self.seats:
            raise InvalidSeats(self.seats, seats)
        chosen = HeartsOptions(**self.options(options))
        direction = 0
        if chosen.pass_cards:
            direction = choose_v1(derive_seed(seed, "hearts.direction"), len(DIRECTIONS))
        return _dealt(seed, chosen, direction)

    def next_deal(self, state: HeartsState, seed: bytes, totals: tuple[int, ...]) -> HeartsState:
        direction = NEXT_DIRECTION[state.direction] if state.options.pass_cards else 0
        return _dealt(seed, state.options, direction)

    def match_points(self, state: HeartsState) -> tuple[int, ...]:
        return self.score(state).scores

    def opening(self, state: HeartsState) -> tuple[Event, ...]:
        dealt = dealt_event(state.hands, self.score(state).scores, _table(state, None))
        return (dealt, self._turn_event(state))

    def status(self, state: HeartsState) -> Status:
        return state.status

    def finished(self, state: HeartsState) -> bool:
        return state.status != "active"

    def turn(self, state: HeartsState) -> int | None:
        return state.turn if state.status == "active" else None

    def legal_plays(self, state: HeartsState, seat: int) -> tuple[Play, ...]:
        if seat != self.turn(state):
            return ()
        if state.passing:
            return tuple(Play("pass_cards", cards=(card,)) for card in state.hands[seat])
        return tuple(Play("play", card) for card in _playable(state))

    def apply(self, state: HeartsState, seat: int, play: Play) -> Outcome[HeartsState]:
        refuse_unless_legal(self, state, seat, play)
        if play.action == "pass_cards":
            moved, events = _give(state, play.cards[0])
        else:
            assert play.card is not None  # noqa: S101 -- every legal "play" names a card
            moved, events = _play(state, play.card)
        if moved.status == "active":
            return Outcome(moved, (*events, self._turn_event(moved)))
        return Outcome(moved, (*events, *self._final_events(moved)))

    def timeout(self, state: HeartsState, seat: int) -> Play | None:
        """The lowest card that may be played or passed, and QS only if there is no other."""
        refuse_unless_turn(self, state, seat)
        return min(self.legal_plays(state, seat), key=_waited_for)

    def forfeit(self, state: HeartsState, seat: int) -> Outcome[HeartsState]:
        if state.status != "active":
            raise GameOver
        abandoned = replace(state, status="abandoned", forfeited_by=seat)
        return Outcome(abandoned, self._final_events(abandoned))

    def score(self, state: HeartsState) -> Standing:
        points = _points_taken(state)
        if state.status == "finished":
            points = _final_points(state, points)
        elif state.forfeited_by is not None:
            points[state.forfeited_by] = ALL_POINTS
        return standing(points, state.status, highest_wins=False, forfeited_by=state.forfeited_by)

    def view(self, state: HeartsState, seat: int | None) -> View:
        plays = () if seat is None else self.legal_plays(state, seat)
        return {
            "status": state.status,
            "turn": self.turn(state),
            "your_hand": [] if seat is None else list(state.hands[seat]),
            "legal_plays": [play.body() for play in plays],
            "hand_sizes": [len(hand) for hand in state.hands],
            "scores": list(self.score(state).scores),
            "table": _table(state, seat),
        }

    def _turn_event(self, state: HeartsState) -> Event:
        return turn_event(
            state.turn,
            self.legal_plays(state, state.turn),
            phase="passing" if state.passing else "playing",
        )

    def _final_events(self, state: HeartsState) -> tuple[Event, ...]:
        return final_events(self.score(state), state.status, state.forfeited_by)


Moved = tuple[HeartsState, tuple[Event, ...]]


def _dealt(seed: bytes, options: HeartsOptions, direction: int) -> HeartsState:
    deck = shuffle_v1(derive_seed(seed, "hearts.deck"), DECK)
    hands = tuple(sort_cards(deck[seat::SEATS]) for seat in range(SEATS))
    return HeartsState(
        options=options,
        direction=direction,
        turn=0 if direction else _holder_of_first_lead(hands),
        hands=hands,
        passing=direction != 0,
        hearts_broken=not options.must_break_hearts,
    )


def _give(state: HeartsState, card: str) -> Moved:
    """One card leaves the hand, face down; after the twelfth they all arrive."""
    seat = state.turn
    hand = tuple(held for held in state.hands[seat] if held != card)
    given = (*state.passed[seat], card)
    state = replace(
        state, hands=_put(state.hands, seat, hand), passed=_put(state.passed, seat, given)
    )
    gave = Event(
        "game.cards_passed",
        {"seat": seat, "count": len(given), "hand_size": len(hand)},
        {seat: {"cards": [card]}},
    )
    if len(given) < PASSED_CARDS:
        return state, (gave,)
    if seat + 1 < SEATS:
        return replace(state, turn=seat + 1), (gave,)
    received = [sort_cards(_received(state, receiver)) for receiver in range(SEATS)]
    hands = tuple(sort_cards((*state.hands[to], *received[to])) for to in range(SEATS))
    state = replace(state, hands=hands, passing=False, turn=_holder_of_first_lead(hands))
    got = Event(
        "game.cards_received",
        {"direction": DIRECTIONS[state.direction], "hand_sizes": [len(hand) for hand in hands]},
        {to: {"cards": list(cards)} for to, cards in enumerate(received)},
    )
    return state, (gave, got)


def _play(state: HeartsState, card: str) -> Moved:
    seat = state.turn
    hand = tuple(held for held in state.hands[seat] if held != card)
    broken = suit_of(card) == "H" or (state.options.qs_breaks_hearts and card == QUEEN)
    state = replace(
        state,
        hands=_put(state.hands, seat, hand),
        trick=(*state.trick, (seat, card)),
        hearts_broken=state.hearts_broken or broken,
        turn=(seat + 1) % SEATS,
    )
    played = Event(
        "game.card_played",
        {
            "seat": seat,
            "card": card,
            "hand_size": len(hand),
            "hearts_broken": state.hearts_broken,
        },
    )
    if len(state.trick) < SEATS:
        return state, (played,)
    taken = _taken(state.trick, jd_bonus=state.options.jd_bonus)
    state = replace(state, trick=(), tricks=(*state.tricks, taken), turn=taken.winner)
    if not any(state.hands):
        state = replace(state, status="finished")
    cards = _shown(taken.cards)
    took = Event(
        "game.trick_taken",
        {
            "seat": taken.winner,
            "cards": cards,
            "points": taken.points,
            "scores": _points_taken(state),
        },
    )
    return state, (played, took)


def _playable(state: HeartsState) -> tuple[str, ...]:
    """The cards that the seat to move may play: the first rule that leaves any decides."""
    hand, options = state.hands[state.turn], state.options
    if state.trick:
        led = suit_of(state.trick[0][1])
        following = tuple(card for card in hand if suit_of(card) == led)
        if following:
            return following
    elif not state.tricks:
        if options.can_lead_any_club:
            return tuple(card for card in hand if suit_of(card) == "C")
        return (FIRST_LEAD,)
    else:
        leads = tuple(card for card in hand if suit_of(card) != "H" or state.hearts_broken)
        if leads and not (options.can_lead_hearts_instead_of_qs and leads == (QUEEN,)):
            return leads
    if not state.tricks and options.no_pts_on_first_trick:
        harmless = tuple(card for card in hand if suit_of(card) != "H" and card != QUEEN)
        if harmless:
            return harmless
    return hand


def _taken(cards: tuple[tuple[int, str], ...], *, jd_bonus: bool) -> Trick:
    led = suit_of(cards[0][1])
    following = [(RANKS.index(rank_of(card)), seat) for seat, card in cards if suit_of(card) == led]
    points = sum(
        (suit_of(card) == "H") + 13 * (card == QUEEN) - 10 * (jd_bonus and card == JACK)
        for _, card in cards
    )
    return Trick(cards, max(following)[1], points)


def _points_taken(state: HeartsState) -> list[int]:
    points = [0] * SEATS
    for trick in state.tricks:
        points[trick.winner] += trick.points
    return points


def _final_points(state: HeartsState, points: list[int]) -> list[int]:
    """The points taken, with what the end of the deal adds."""
    penal = {
        trick.winner
        for trick in state.tricks
        if any(suit_of(card) == "H" or card == QUEEN for _, card in trick.cards)
    }
    if len(penal) == 1:
        return [
            points[seat] + (-ALL_POINTS if seat in penal else ALL_POINTS) for seat in range(SEATS)
        ]
    if state.options.avoid_all_tricks_bonus:
        winners = {trick.winner for trick in state.tricks}
        return [points[seat] + (0 if seat in winners else NO_TRICK_BONUS) for seat in range(SEATS)]
    return points


def _waited_for(play: Play) -> tuple[bool, int]:
    """Where a play stands among those that a seat whose clock has run out may make."""
    card = play.card or play.cards[0]
    return card == QUEEN, RANKS.index(rank_of(card))


def _received(state: HeartsState, seat: int) -> tuple[str, ...]:
    return state.passed[(seat - state.direction) % SEATS]


def _holder_of_first_lead(hands: tuple[tuple[str, ...], ...]) -> int:
    return next(seat for seat, hand in enumerate(hands) if FIRST_LEAD in hand)


def _put(
    rows: tuple[tuple[str, ...], ...], seat: int, row: tuple[str, ...]
) -> tuple[tuple[str, ...], ...]:
    return (*rows[:seat], row, *rows[seat + 1 :])


def _shown(cards: tuple[tuple[int, str], ...]) -> list[Json]:
    return [{"seat": seat, "card": card} for seat, card in cards]


def _table(state: HeartsState, seat: int | None) -> Json:
    """What lies open, and what the seat that looks has given and got."""
    last = state.tricks[-1] if state.tricks else None
    exchanged = bool(state.direction) and not state.passing
    return {
        "options": {name: getattr(state.options, name) for name in DEFAULTS},
        "phase": "passing" if state.passing else "playing",
        "pass_direction": DIRECTIONS[state.direction],
        "passed_counts": [len(cards) for cards in state.passed],
        "your_passed": [] if seat is None else list(sort_cards(state.passed[seat])),
        "your_received": (
            list(sort_cards(_received(state, seat))) if seat is not None and exchanged else []
        ),
        "trick": _shown(state.trick),
        "last_trick": last
        and {"seat": last.winner, "cards": _shown(last.cards), "points": last.points},
        "tricks_taken": [
            sum(trick.winner == taker for trick in state.tricks) for taker in range(SEATS)
        ],
        "hearts_broken": state.hearts_broken,
    }
