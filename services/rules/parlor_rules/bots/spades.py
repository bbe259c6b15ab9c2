"""A good player of Spades: bids what it can count, takes what its side has bid, then ducks.

It counts high cards, long spades and short suits. It leaves a trick that its partner is winning,
takes one as cheaply as it can, and once the bid is made it avoids bags. A nil it protects with
every card.
"""

from collections import Counter
from collections.abc import Sequence

from parlor_rules.cards import RANKS, SUITS, rank_of, suit_of
from parlor_rules.protocol import Play, View
from parlor_rules.spades import TRUMP

Table = Sequence[tuple[int, str]]

# What the cards of a side suit are worth in tricks, if the suit is long enough to keep them.
HONOURS = {"A": (1, 0.95), "K": (2, 0.7), "Q": (3, 0.25)}
WORTH_OF_RUFF = (0.9, 0.5)  # in a suit with no card, with one card
# What chance adds to what was counted.
HOPE = 0.6
# A hand that counts no more than this, with low spades only, is bid as nil.
NIL = 0.4
HIGHEST_NIL_SPADE = "9"


def good_spades(view: View, legal_plays: Sequence[Play], seed: bytes) -> Play:
    if legal_plays[0].action == "bid":
        return legal_plays[min(_bid(view["your_hand"]), len(legal_plays) - 1)]
    by_card = {str(play.card): play for play in legal_plays}
    return by_card[_card(view, sorted(by_card, key=_rank))]


def _rank(card: str) -> int:
    return RANKS.index(rank_of(card))


def _bid(hand: Sequence[str]) -> int:
    """How many tricks the hand should take."""
    held = Counter(suit_of(card) for card in hand)
    spades = sorted((_rank(card) for card in hand if suit_of(card) == TRUMP), reverse=True)
    count = 0.0
    for place, rank in enumerate(spades):
        if place >= 3:
            count += 0.75  # the others have run out
        elif rank >= RANKS.index("K") - place:
            count += 0.9
    for suit in SUITS:
        if suit == TRUMP:
            continue
        for card in hand:
            length, worth = HONOURS.get(rank_of(card), (0, 0.0))
            if suit_of(card) == suit and held[suit] >= length:
                count += worth if held[suit] <= 5 else worth / 2
        if held[suit] < len(WORTH_OF_RUFF) and 0 < len(spades) <= 4:
            count += WORTH_OF_RUFF[held[suit]]
    low = all(rank <= RANKS.index(HIGHEST_NIL_SPADE) for rank in spades)
    if count <= NIL and low and len(spades) <= 3:
        return 0
    return max(1, int(count + HOPE))


def _card(view: View, cards: Sequence[str]) -> str:
    """One of the cards, which are sorted by rank."""
    table, seat = view["table"], view["turn"] or 0
    partner = (seat + 2) % 4
    taken, bids = table["tricks_taken"], table["bids"]
    trick: Table = [(entry["seat"], entry["card"]) for entry in table["trick"]]
    nil = bids[seat] == 0 and not taken[seat]
    wanted = bids[seat] + bids[partner] - taken[seat] - taken[partner]
    if not trick:
        return _lead(cards, view["your_hand"], wanted if not nil else 0)
    winner = _winning(trick)
    winning = [card for card in cards if _winning([*trick, (seat, card)])[0] == seat]
    losing = [card for card in cards if card not in winning]
    if nil or wanted <= 0:
        if losing:
            return max(losing, key=lambda card: (suit_of(card) == TRUMP, _rank(card)))
        return cards[-1] if len(trick) == 3 and not nil else winning[0]
    partner_is_nil = bids[partner] == 0 and not taken[partner]
    if winner[0] == partner and not partner_is_nil and (len(trick) == 3 or _is_high(winner[1])):
        return _cheapest(losing or cards)
    if not winning:
        return _cheapest(cards)
    if len(trick) == 3 or suit_of(winning[-1]) == TRUMP:
        return _cheapest(winning)
    return winning[-1] if _is_high(winning[-1]) else _cheapest(losing or winning)


def _lead(cards: Sequence[str], hand: Sequence[str], wanted: int) -> str:
    """High while tricks are wanted, else low; of long suits, where nobody ruffs soon."""
    held = Counter(suit_of(card) for card in hand)
    if wanted > 0:
        sure = [card for card in cards if rank_of(card) == "A" or (_is_high(card) and wanted > 2)]
        if sure:
            return max(sure, key=lambda card: (_rank(card), -held[suit_of(card)]))
    return min(cards, key=lambda card: (suit_of(card) == TRUMP, _rank(card), held[suit_of(card)]))


def _winning(trick: Table) -> tuple[int, str]:
    """Who is winning the trick, and with what."""
    led = suit_of(trick[0][1])

    def strength(played: tuple[int, str]) -> tuple[bool, bool, int]:
        suit = suit_of(played[1])
        return suit == TRUMP, suit == led, _rank(played[1])

    return max(trick, key=strength)


def _is_high(card: str) -> bool:
    return rank_of(card) in "AK" or suit_of(card) == TRUMP


def _cheapest(cards: Sequence[str]) -> str:
    return min(cards, key=lambda card: (suit_of(card) == TRUMP, _rank(card)))
