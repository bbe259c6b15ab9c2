"""A good player of Gin Rummy: takes what completes a meld, discards what is worth least to it.

It knocks as soon as it may. It counts the pairs and neighbours that may still become melds, as
long as the cards they wait for do not lie among the discards, and does not hand the other seat
what it is seen to collect.
"""

from collections.abc import Sequence

from parlor_rules.cards import rank_of, suit_of
from parlor_rules.melds import (
    best_arrangement,
    deadwood,
    low_rank,
    unmatched,
    value_of,
)
from parlor_rules.protocol import Play, View

# What a card that may still become part of a meld is worth, in points of deadwood.
WORTH_OF_PAIR = 3.0
WORTH_OF_NEIGHBOUR = 2.5
FEAR_OF_HELPING = 2.5


def good_gin_rummy(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
    by_action: dict[str, Play] = {play.action: play for play in legal_plays}
    match view["table"]["phase"]:
        case "upcard" | "draw":
            return by_action["take"] if _takes(view, by_action) else legal_plays[-1]
        case "discard" | "wall" if "knock" in by_action:
            return by_action["knock"]
        case "discard":
            return min(legal_plays, key=lambda play: _cost(view, str(play.card)))
        case "knock":
            hand = view["your_hand"]
            return min(legal_plays, key=lambda play: _left(hand, str(play.card)))
        case "meld":
            best = [play for play in legal_plays if play.cards in best_arrangement(_hand(view))]
            return best[0] if best else by_action["done"]
        case "lay_off":
            return _laid_off(view, legal_plays)
    return legal_plays[-1]


def _hand(view: View) -> list[str]:
    return view["your_hand"]


def _takes(view: View, by_action: dict[str, Play]) -> bool:
    """Only if it shortens what is left by more than just swapping cards would."""
    upcard = view["table"]["upcard"]
    if "take" not in by_action or upcard is None:
        return False
    hand = _hand(view)
    melded = any(upcard in meld for meld in best_arrangement([*hand, upcard]))
    return melded and deadwood([*hand, upcard]) < deadwood(hand)


def _left(hand: Sequence[str], card: str) -> int:
    """What the hand costs without this card."""
    return deadwood([held for held in hand if held != card])


def _cost(view: View, card: str) -> float:
    """What discarding this card costs us, in points."""
    hand, table = _hand(view), view["table"]
    rest = [held for held in hand if held != card]
    gone = set(table["discards"])
    hope = sum(_hope(one, other, gone) for one, other in _pairs(unmatched(rest)))
    theirs = table["known_cards"][1 - (view["turn"] or 0)]
    helps = sum(_related(card, held) for held in theirs)
    return _left(hand, card) - hope + FEAR_OF_HELPING * helps


def _pairs(cards: Sequence[str]) -> list[tuple[str, str]]:
    return [(one, other) for at, one in enumerate(cards) for other in cards[at + 1 :]]


def _related(one: str, other: str) -> bool:
    if rank_of(one) == rank_of(other):
        return True
    return suit_of(one) == suit_of(other) and abs(low_rank(one) - low_rank(other)) <= 2


def _hope(one: str, other: str, gone: set[str]) -> float:
    if not _related(one, other):
        return 0.0
    if rank_of(one) == rank_of(other):
        waiting = 2 - sum(rank_of(card) == rank_of(one) for card in gone)
        return WORTH_OF_PAIR * max(0, waiting) / 2
    low, high = sorted((low_rank(one), low_rank(other)))
    ends = {low + 1} if high - low == 2 else {low - 1, high + 1} & set(range(13))
    blocked = {low_rank(card) for card in gone if suit_of(card) == suit_of(one)}
    return WORTH_OF_NEIGHBOUR * len(ends - blocked) / 2


def _laid_off(view: View, legal_plays: Sequence[Play]) -> Play:
    """The card whose laying off saves most; not one that breaks a better meld of our own."""
    hand = _hand(view)
    loose = value_of(unmatched(hand))

    def left(play: Play) -> int:
        return value_of(unmatched([card for card in hand if card != play.card]))

    best = min(legal_plays, key=left)
    return best if left(best) < loose else legal_plays[-1]
