"""A good player of Crazy Eights: gets rid of what costs most, and keeps the hand playable.

It keeps its eights for the turn that nothing else fits, until an opponent is about to go out:
an eight that is left costs 50. It names the suit that it holds most of.
"""

from collections import Counter
from collections.abc import Sequence

from parlor_rules.cards import rank_of, suit_of
from parlor_rules.crazy_eights import DRAW_TWO, EIGHT, REVERSE, SKIP, penalty
from parlor_rules.protocol import Play, View

# An opponent with so few cards may go out before our next turn but one.
FEW_CARDS = 2
# What a card of the same suit in hand is worth, against a point of penalty.
WORTH_OF_SUIT = 6
WORTH_OF_ATTACK = 12


def good_crazy_eights(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
    cards = [play for play in legal_plays if play.card is not None]
    if not cards:
        return legal_plays[-1]  # passing is listed after drawing, and costs nothing
    return max(cards, key=lambda play: _worth(view, play))


def _worth(view: View, play: Play) -> int:
    card = play.card
    assert card is not None  # noqa: S101 -- only plays of cards are compared
    left = [held for held in view["your_hand"] if held != card]
    if not left:
        return 1_000
    suits = Counter(suit_of(held) for held in left)
    same_suit = suits[play.suit or suit_of(card)]
    if rank_of(card) == EIGHT:
        pressed = _fewest_of_others(view) <= FEW_CARDS
        return (50 if pressed else -1_000) + WORTH_OF_SUIT * same_suit
    same_rank = sum(rank_of(held) == rank_of(card) for held in left)
    worth = penalty(card) + WORTH_OF_SUIT * (same_suit + same_rank)
    attacks = view["table"]["special_cards"] and rank_of(card) in (SKIP, REVERSE, DRAW_TWO)
    return worth + (WORTH_OF_ATTACK if attacks else 0)


def _fewest_of_others(view: View) -> int:
    sizes = view["hand_sizes"]
    return min(size for seat, size in enumerate(sizes) if seat != view["turn"])
