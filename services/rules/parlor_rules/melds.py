"""Melds: sets of a rank and runs of a suit, and what is left of a hand beside them.

Gin Rummy and its good player call it. The ace is low. Which of several equally good
arrangements counts is decided as OpenSpiel decides it (`gin_rummy_utils.cc`), since whether a
seat may knock can hang on it: so the order of `all_melds` matters, and suits here go S, C, D, H.
"""

from collections.abc import Iterable, Iterator, Sequence

from parlor_rules.cards import rank_of, suit_of

LOW_RANKS = "A23456789TJQK"
SUIT_ORDER = "SCDH"
FULL_HAND = 11  # a seat that has drawn and not yet discarded
LONGEST_RUN = 5  # a longer one is two melds

Meld = tuple[str, ...]


def low_rank(card: str) -> int:
    """From 0 for an ace to 12 for a king."""
    return LOW_RANKS.index(rank_of(card))


def value_of(cards: Iterable[str]) -> int:
    """One for an ace, ten for each of T, J, Q, K."""
    return sum(min(10, low_rank(card) + 1) for card in cards)


def all_melds(cards: Iterable[str]) -> list[Meld]:
    """Every meld in the cards: sets of four with two of their threes, other threes, long runs
    first."""
    ordered = sorted(cards, key=_by_rank)
    fours = [ordered[at : at + 4] for at in range(len(ordered) - 3)]
    threes = [ordered[at : at + 3] for at in range(len(ordered) - 2)]
    melds: list[Meld] = []
    for a, b, c, d in fours:
        if rank_of(a) == rank_of(d):
            melds += [(a, b, c, d), (a, b, d), (a, c, d)]
    melds += [(a, b, c) for a, b, c in threes if rank_of(a) == rank_of(c)]
    ordered.sort(key=_by_suit)
    for length in range(LONGEST_RUN, 2, -1):
        for at in range(len(ordered) - length + 1):
            run = ordered[at : at + length]
            if _by_suit(run[-1]) == (_by_suit(run[0])[0], low_rank(run[0]) + length - 1):
                melds.append(tuple(run))
    return melds


def arrangements(cards: Iterable[str]) -> Iterator[tuple[Meld, ...]]:
    """Every choice of melds that share no card, in the order in which OpenSpiel meets them."""
    yield from _chosen_from(all_melds(cards), ())


def _chosen_from(melds: Sequence[Meld], chosen: tuple[Meld, ...]) -> Iterator[tuple[Meld, ...]]:
    for at, meld in enumerate(melds):
        taken = set(meld)
        yield (*chosen, meld)
        yield from _chosen_from(
            [other for other in melds[at + 1 :] if taken.isdisjoint(other)], (*chosen, meld)
        )


def best_arrangement(cards: Iterable[str]) -> tuple[Meld, ...]:
    """The first of the arrangements that leave the least beside them; it may be empty."""
    best: tuple[Meld, ...] = ()
    most = 0
    for melds in arrangements(cards):
        worth = sum(map(value_of, melds))
        if worth > most:
            best, most = melds, worth
    return best


def unmatched(cards: Sequence[str]) -> list[str]:
    """The cards beside the best arrangement, lowest first."""
    melded = {card for meld in best_arrangement(cards) for card in meld}
    return sorted((card for card in cards if card not in melded), key=_by_rank)


def deadwood(cards: Sequence[str]) -> int:
    """What the hand would cost; a full hand may discard one card first."""
    left = unmatched(cards)
    return value_of(left[:-1] if len(cards) == FULL_HAND else left)


def melds_within(cards: Sequence[str], limit: int) -> list[Meld]:
    """The melds that can still be laid so that in the end no more than the limit is left."""
    total = value_of(cards)
    useful: set[Meld] = set()
    for melds in arrangements(cards):
        if total - sum(map(value_of, melds)) <= limit:
            useful.update(melds)
    return [meld for meld in all_melds(cards) if meld in useful]


def discards_within(cards: Sequence[str], limit: int) -> list[str]:
    """The cards that can go so that the rest costs no more than the limit."""
    return [card for card in cards if deadwood([held for held in cards if held != card]) <= limit]


def lay_offs(melds: Iterable[Meld], laid: Iterable[str]) -> set[str]:
    """The cards that extend a meld, after those that have been laid off already."""
    found: set[str] = set()
    for meld in melds:
        suit, rank = suit_of(meld[0]), rank_of(meld[0])
        if rank == rank_of(meld[1]):
            found |= {rank + other for other in SUIT_ORDER if rank + other not in meld}
            continue
        # As OpenSpiel has it: only what fits the meld as it was laid makes it longer.
        low, high = low_rank(meld[0]), low_rank(meld[-1])
        ends = set(_cards_at(suit, low - 1, high + 1))
        grown = [low_rank(card) for card in laid if card in ends]
        found.update(_cards_at(suit, min([low, *grown]) - 1, max([high, *grown]) + 1))
    return found


def _cards_at(suit: str, *ranks: int) -> list[str]:
    return [LOW_RANKS[rank] + suit for rank in ranks if 0 <= rank < len(LOW_RANKS)]


def _by_rank(card: str) -> tuple[int, int]:
    return low_rank(card), SUIT_ORDER.index(suit_of(card))


def _by_suit(card: str) -> tuple[int, int]:
    return SUIT_ORDER.index(suit_of(card)), low_rank(card)
