"""A good player of Hearts: passes danger on, ducks under tricks, and discards what hurts.

It plays to take no points, never for all of them. It remembers nothing but the tricks that its
view shows, as a person would who looks at the table for the first time.
"""

from collections import Counter
from collections.abc import Sequence

from parlor_rules.cards import RANKS, rank_of, suit_of
from parlor_rules.hearts import QUEEN
from parlor_rules.protocol import Play, View

HIGH_SPADES = ("KS", "AS")
# With so many small spades beside them, the high ones are safe to keep.
GUARDS = 3


def good_hearts(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
    if legal_plays[0].action == "pass_cards":
        return max(legal_plays, key=lambda play: _danger(play.cards[0], view["your_hand"]))
    by_card = {play.card: play for play in legal_plays if play.card is not None}
    cards = sorted(by_card, key=_rank)
    if not view["table"]["trick"]:
        return by_card[_lead(cards, view["your_hand"])]
    led = suit_of(view["table"]["trick"][0]["card"])
    if suit_of(cards[0]) == led:
        return by_card[_follow(cards, view)]
    return by_card[max(cards, key=lambda card: _danger(card, view["your_hand"]))]


def _rank(card: str) -> int:
    return RANKS.index(rank_of(card))


def _danger(card: str, hand: Sequence[str]) -> int:
    """How much better the hand is without this card."""
    held = Counter(suit_of(other) for other in hand)
    suit, rank = suit_of(card), _rank(card)
    small_spades = held["S"] - sum(other in (QUEEN, *HIGH_SPADES) for other in hand)
    if suit == "S":
        if card == QUEEN or card in HIGH_SPADES:
            worth = 100 if card == QUEEN else 60 + rank
            return worth if small_spades < GUARDS else 25
        return rank - 10  # small spades guard against the queen
    short = 6 - held[suit]  # a suit that runs out soon lets us discard
    return 2 * rank + 3 * short + (12 if suit == "H" else 0)


def _lead(cards: Sequence[str], hand: Sequence[str]) -> str:
    """Low, from a short suit; spades below the queen drive her out of another hand."""
    held = Counter(suit_of(card) for card in hand)

    def risk(card: str) -> int:
        suit, rank = suit_of(card), _rank(card)
        if card == QUEEN or card in HIGH_SPADES:
            return 200 + rank
        if suit == "S" and QUEEN not in hand and not any(high in hand for high in HIGH_SPADES):
            return rank - 6
        return 3 * rank + held[suit] + (6 if suit == "H" else 0)

    return min(cards, key=risk)


def _follow(cards: Sequence[str], view: View) -> str:
    """Under the highest card if we can; else take it with the highest, if it is harmless."""
    trick = view["table"]["trick"]
    played = [entry["card"] for entry in trick]
    led = suit_of(played[0])
    highest = max(_rank(card) for card in played if suit_of(card) == led)
    under = [card for card in cards if _rank(card) < highest]
    last = len(trick) == len(view["hand_sizes"]) - 1
    painful = any(suit_of(card) == "H" or card == QUEEN for card in played)
    if led == "S" and QUEEN in under:
        return QUEEN
    without_queen = [card for card in cards if card != QUEEN] or list(cards)
    if last and not painful:
        return without_queen[-1]
    if under:
        return under[-1]
    if last:
        return without_queen[-1]
    return without_queen[0]
