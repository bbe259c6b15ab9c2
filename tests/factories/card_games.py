"""What lies where on a table: which cards a seat must not see, and tables with those changed.

The tests of all games use it; it is the one place in the tests that knows by which names games
keep their cards. A match is looked at through the deal that is on the table.
"""

import random
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from parlor_rules.cards import sort_cards
from parlor_rules.catalog import GAMES
from parlor_rules.match import TARGET, MatchState
from parlor_rules.options import Whole

# A match of aimless players to so many points is over after a few deals of any game.
TARGET_SCORE = 45

MOVES_OF_A_MATCH = 250

Place = tuple[str, int | None]


def deal_of(state: Any) -> Any:
    return state.deal if isinstance(state, MatchState) else state


def cards_of(state: Any) -> list[str]:
    """Every card of the deck, wherever it is: in hands, in piles, in tricks, laid out."""
    deal = deal_of(state)
    found = [card for hand in deal.hands for card in hand]
    for pile in ("stock", "discards", "laid_off"):
        found += getattr(deal, pile, ())
    found += [card for trick in getattr(deal, "tricks", ()) for _, card in trick.cards]
    found += [card for _, card in getattr(deal, "trick", ())]
    found += [card for melds in getattr(deal, "melds", ()) for meld in melds for card in meld]
    if getattr(deal, "passing", False):
        found += [card for cards in deal.passed for card in cards]
    if getattr(deal, "upcard", None) is not None:
        found.append(deal.upcard)
    return found


def known_to(state: Any, seat: int | None) -> set[str]:
    """Cards in other hands that this seat knows of: it has passed them on, or they lie open."""
    deal = deal_of(state)
    known = {card for cards in getattr(deal, "known", ()) for card in cards}
    for hand, shown in zip(deal.hands, getattr(deal, "shown", ()), strict=False):
        known |= set(hand) if shown else set()
    if hasattr(deal, "passed") and seat is not None:
        known |= set(deal.passed[seat])
    return known


def face_down(state: Any, seat: int | None) -> dict[Place, tuple[str, ...]]:
    """The cards that lie face down for this seat, by where they lie."""
    deal = deal_of(state)
    known = known_to(state, seat)
    others = [owner for owner in range(len(deal.hands)) if owner != seat]
    piles: dict[Place, tuple[str, ...]] = {
        ("hands", owner): tuple(card for card in deal.hands[owner] if card not in known)
        for owner in others
    }
    if hasattr(deal, "stock"):
        piles["stock", None] = deal.stock
    if getattr(deal, "passing", False):
        piles |= {("passed", owner): deal.passed[owner] for owner in others}
    return piles


def hidden_from(state: Any, seat: int | None) -> set[str]:
    return {card for pile in face_down(state, seat).values() for card in pile}


def with_hidden_cards_moved(state: Any, seat: int | None, rng: random.Random) -> Any:
    """The same table, as far as this seat can know: only face-down cards have changed places."""
    piles = face_down(state, seat)
    hidden = [card for pile in piles.values() for card in pile]
    rng.shuffle(hidden)
    deal = deal_of(state)
    changed = {name: list(getattr(deal, name)) for name, owner in piles if owner is not None}
    for (name, owner), pile in piles.items():
        moved = tuple(hidden.pop() for _ in pile)
        if owner is None:
            changed[name] = list(moved)
        elif name == "hands":
            kept = [card for card in deal.hands[owner] if card not in pile]
            changed[name][owner] = sort_cards((*kept, *moved))
        else:
            changed[name][owner] = moved
    moved_deal = replace(deal, **{name: tuple(value) for name, value in changed.items()})
    if hasattr(deal, "seed"):
        moved_deal = replace(moved_deal, seed=rng.randbytes(32))
    if isinstance(state, MatchState):
        return replace(state, deal=moved_deal, seed=rng.randbytes(32))
    return moved_deal


def moves_worth_watching(options: dict[str, Any]) -> int | None:
    """A deal is followed to its end, of a match only the first few deals."""
    return MOVES_OF_A_MATCH if TARGET in options else None


@st.composite
def options_of(draw: st.DrawFn, name: str, *, matches: bool = True) -> dict[str, Any]:
    """Options that this game takes: any of them, a match only now and then."""
    chosen: dict[str, Any] = {}
    for option, known in GAMES[name].known_options.items():
        if option == TARGET:
            if matches and draw(st.integers(0, 3)) == 0:
                chosen[TARGET] = draw(st.integers(1, TARGET_SCORE))
        elif isinstance(known, Whole):
            chosen[option] = draw(st.integers(known.low, known.high))
        else:
            chosen[option] = draw(st.booleans())
    return chosen
