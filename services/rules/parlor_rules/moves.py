"""Moves as they arrive: from a request body, and again from the move log.

The play use case calls `play_from_body`; whoever needs a state calls `replay`, since a state is
never stored; each game calls `refuse_unless_legal` before it moves, so that all games refuse in
the same order and with the same errors.
"""

from collections.abc import Iterable, Mapping
from typing import get_args

from parlor_rules.protocol import (
    Action,
    Game,
    GameOver,
    IllegalPlay,
    MalformedPlay,
    NotYourTurn,
    Play,
    StateT,
)

ACTIONS: dict[str, Action] = {action: action for action in get_args(Action)}
# expected_seq belongs to the request, not to the move: the use case reads it from the same body.
FIELDS = frozenset({"action", "card", "cards", "suit", "bid", "expected_seq"})


def play_from_body(body: Mapping[str, object]) -> Play:
    """The play that a body asks for; whether the rules allow it, `apply` decides.

    `action` is "play" when only a card is given. A null field counts as absent.

    Raises:
        MalformedPlay: an unknown field, a wrong type, or no action and no card.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name in sorted(given.keys() - FIELDS):
        raise MalformedPlay(name, "unknown field")
    card = _text(given, "card")
    suit = _text(given, "suit")
    cards = given.get("cards", [])
    if not isinstance(cards, list | tuple) or not all(isinstance(item, str) for item in cards):
        raise MalformedPlay("cards", "must be a list of cards")
    bid = given.get("bid")
    if bid is not None and (not isinstance(bid, int) or isinstance(bid, bool)):
        raise MalformedPlay("bid", "must be a whole number")
    asked = _text(given, "action")
    if asked is None and card is None:
        raise MalformedPlay("action", "required unless a card is given")
    action = ACTIONS.get("play" if asked is None else asked)
    if action is None:
        raise MalformedPlay("action", f"must be one of {', '.join(ACTIONS)}")
    return Play(action=action, card=card, cards=tuple(cards), suit=suit, bid=bid)


def refuse_unless_turn(game: Game[StateT], state: StateT, seat: int) -> None:
    """Raise what refuses any play of this seat now, if anything does."""
    turn = game.turn(state)
    if turn is None:
        raise GameOver
    if seat != turn:
        raise NotYourTurn(turn)


def refuse_unless_legal(game: Game[StateT], state: StateT, seat: int, play: Play) -> None:
    """Raise the refusal of this play, if it is refused."""
    refuse_unless_turn(game, state, seat)
    legal = game.legal_plays(state, seat)
    if play not in legal:
        raise IllegalPlay(legal)


def replay(
    game: Game[StateT],
    seed: bytes,
    seats: int,
    options: Mapping[str, object],
    log: Iterable[tuple[int, Play]],
) -> StateT:
    """The state after the moves of the log: the only way a state is rebuilt."""
    state = game.deal(seed, seats, options)
    for seat, play in log:
        state = game.apply(state, seat, play).state
    return state


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedPlay(name, "must be a string")
    return value
