"""What every card game offers to the game service, and the values that cross that border.

The use cases hold a `Game` and an opaque state, and never look inside the state: everything a
player may learn comes from `view` and from events, both already cut to one seat. A game must
never put a card into a public payload that some seat may not see, and never keep anything
outside its state.

Seats are 0 .. n-1. A game is one deal, which `match` can repeat. All payloads are plain JSON
values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar

Action = Literal[
    "play",
    "draw",
    "pass",
    "pass_cards",
    "take",
    "discard",
    "knock",
    "meld",
    "lay_off",
    "done",
    "bid",
]
Status = Literal["active", "finished", "abandoned"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Play:
    """One move. `body()` is the exact JSON body that the play route accepts for it."""

    action: Action
    card: str | None = None
    cards: tuple[str, ...] = ()
    suit: str | None = None
    bid: int | None = None

    def body(self) -> Json:
        body: Json = {"action": self.action}
        if self.card is not None:
            body["card"] = self.card
        if self.cards:
            body["cards"] = list(self.cards)
        if self.suit is not None:
            body["suit"] = self.suit
        if self.bid is not None:
            body["bid"] = self.bid
        return body


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: what everybody learns, and what only some seats learn besides."""

    type: str
    public: Mapping[str, Any]
    private: Mapping[int, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def seen_from(self, seat: int | None) -> Json:
        """The event as this seat receives it; None is a spectator."""
        own = {} if seat is None else self.private.get(seat, {})
        return {"type": self.type, **self.public, **own}


@dataclass(frozen=True, slots=True)
class Standing:
    """Scores, ranks (1 is best, ties share a rank) and winners, indexed by seat.

    `winners` is empty until the game has ended; `rounds` has a row for each deal that has.
    """

    scores: tuple[int, ...]
    ranks: tuple[int, ...]
    winners: tuple[int, ...]
    rounds: tuple[tuple[int, ...], ...]


class View(TypedDict):
    """The whole table as one seat may see it.

    `table` is the game's own part. It is the same for all seats, except for keys that start
    with `your_`, which are about the seat that looks and empty for a spectator.
    """

    status: Status
    turn: int | None
    your_hand: list[str]
    legal_plays: list[Json]
    hand_sizes: list[int]
    scores: list[int]
    table: Json


class Option(Protocol):
    """What a game asks of the values of one of its options."""

    @property
    def default(self) -> object:
        """Its value when it is left out; None: it stays out."""
        ...

    def refusal(self, value: object) -> str | None:
        """What is wrong with a value, in words for its sender."""
        ...


StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[StateT]):
    """The state after a move, and the events of that move in order."""

    state: StateT
    events: tuple[Event, ...]


class Game(Protocol[StateT]):
    """One game. Implementations are stateless; states are immutable values."""

    @property
    def name(self) -> str: ...

    @property
    def seats(self) -> range:
        """The numbers of players that can play."""
        ...

    def options(self, raw: Mapping[str, object]) -> dict[str, Any]:
        """Every option of the game with its value, defaults filled in, JSON-ready.

        Raises:
            InvalidOptions: an option is unknown or has a bad value; lists every violation.
        """
        ...

    def deal(self, seed: bytes, seats: int, options: Mapping[str, object]) -> StateT:
        """The first state. The seed decides everything that chance decides, now and later.

        Raises:
            InvalidSeats: this number of players cannot play.
            InvalidOptions: as `options`, which it applies.
        """
        ...

    def opening(self, state: StateT) -> tuple[Event, ...]:
        """The events of the deal: what a client that follows only events starts from."""
        ...

    def status(self, state: StateT) -> Status: ...

    def finished(self, state: StateT) -> bool:
        """Nobody can play any more: the game is finished or abandoned."""
        ...

    def turn(self, state: StateT) -> int | None:
        """The seat that must move, or None when the game is over."""
        ...

    def legal_plays(self, state: StateT, seat: int) -> tuple[Play, ...]:
        """Every play that `apply` accepts from this seat now; empty when it is not its turn."""
        ...

    def apply(self, state: StateT, seat: int, play: Play) -> Outcome[StateT]:
        """Make a move.

        Raises:
            GameOver: the game has ended.
            NotYourTurn: another seat must move.
            IllegalPlay: not among `legal_plays`.
        """
        ...

    def timeout(self, state: StateT, seat: int) -> Play | None:
        """What happens when the clock of the seat that must move runs out.

        A legal play, which only the table and the seat's own hand decide and which never wins
        anything by waiting; None when the game's rule is that the seat forfeits.

        Raises:
            GameOver: the game has ended.
            NotYourTurn: another seat must move.
        """
        ...

    def forfeit(self, state: StateT, seat: int) -> Outcome[StateT]:
        """The seat gives up: the game is abandoned, and that seat alone ranks last.

        Raises:
            GameOver: the game has ended.
        """
        ...

    def score(self, state: StateT) -> Standing: ...

    def view(self, state: StateT, seat: int | None) -> View:
        """What this seat may see; None is a spectator, who sees only what is public."""
        ...


class DealGame(Game[StateT], Protocol[StateT]):
    """A game of one deal that a match can play several times."""

    @property
    def known_options(self) -> Mapping[str, Option]: ...

    @property
    def highest_wins(self) -> bool:
        """Whether the best score is the highest one."""
        ...

    def next_deal(self, state: StateT, seed: bytes, totals: tuple[int, ...]) -> StateT:
        """The deal that follows this one in a match: same seats and options, the next dealer.

        `totals` are the scores of the match so far, for games whose deals depend on them.
        """
        ...

    def match_points(self, state: StateT) -> tuple[int, ...]:
        """What the deal adds to each seat's total in a match: as it stands now, and in the end.

        Added to the totals in every `scores` that the game's events carry, so before the end it
        has to be what the game itself shows as `scores`.
        """
        ...


AnyGame = Game[Any]


class RulesError(Exception):
    """A request that the rules refuse. The state is unchanged."""


class GameOver(RulesError):
    """The game has ended."""


class NotYourTurn(RulesError):
    """Another seat must move."""

    def __init__(self, turn: int) -> None:
        super().__init__(f"it is the turn of seat {turn}")
        self.turn = turn


class IllegalPlay(RulesError):
    """The rules do not allow this play now; `legal_plays` are those they allow."""

    def __init__(self, legal_plays: tuple[Play, ...]) -> None:
        super().__init__("the rules do not allow this play now")
        self.legal_plays = legal_plays


class MalformedPlay(RulesError):
    """A body that is no play at all, whatever the state."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class InvalidOptions(RulesError):
    """Unknown or bad options, as (field, message) pairs; a field is `options.<name>`."""

    def __init__(self, errors: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors))
        self.errors = errors


class InvalidSeats(RulesError):
    """The game cannot be played by this number of players."""

    def __init__(self, allowed: range, seats: int) -> None:
        super().__init__(f"{seats} players cannot play, {allowed[0]} to {allowed[-1]} can")
        self.allowed = allowed
        self.seats = seats
