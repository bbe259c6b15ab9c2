"""Cards and the seeded shuffle: everything that chance decides at a table comes from here.

The games call it. Cards are two characters, rank then suit ("TD", "QS"), so that they need no
encoding on the wire, in the move log or in a test.

The shuffle is part of the record of a game: a game is replayed from its seed years later, by
another Python version, and players may check a revealed seed with their own program. So nothing
here uses `random`, and `shuffle_v1` must never change its result: a better shuffle is a
`shuffle_v2` beside it.

How `shuffle_v1(seed, items)` is defined:

1. Block i (i = 0, 1, ...) is SHA-256("parlor.shuffle.v1" || 0x00 || seed || i as 8 bytes, big
   endian). The stream of words is the blocks in order, each cut into eight 4-byte big-endian
   unsigned integers.
2. A number below n: take the next word; if it is not below the largest multiple of n that is
   at most 2**32, throw it away and take the next one; the number is the word modulo n.
3. Fisher-Yates from the end: for i = len - 1 down to 1, swap item i with item j, where j is a
   number below i + 1.

`derive_seed(seed, label)` is SHA-256("parlor.seed.v1" || 0x00 || length of seed as 8 bytes, big
endian || seed || label in UTF-8): one game seed gives independent seeds for its separate draws.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

RANKS = "23456789TJQKA"
SUITS = "CDHS"

DECK: tuple[str, ...] = tuple(rank + suit for suit in SUITS for rank in RANKS)
_ORDER = {card: index for index, card in enumerate(DECK)}

WORD_VALUES = 2**32

Item = TypeVar("Item")


def rank_of(card: str) -> str:
    return card[0]


def suit_of(card: str) -> str:
    return card[1]


def is_card(text: str) -> bool:
    return text in _ORDER


def sort_cards(cards: Iterable[str]) -> tuple[str, ...]:
    """By suit, clubs first, then by rank, two first: the order of every hand we show."""
    return tuple(sorted(cards, key=_ORDER.__getitem__))


def derive_seed(seed: bytes, label: str) -> bytes:
    """A seed for one separate draw of the game that `seed` belongs to."""
    prefix = b"parlor.seed.v1\x00" + len(seed).to_bytes(8, "big")
    return hashlib.sha256(prefix + seed + label.encode()).digest()


def words_v1(seed: bytes) -> Iterator[int]:
    """The endless stream of 32-bit words of step 1 above."""
    counter = 0
    while True:
        block = hashlib.sha256(b"parlor.shuffle.v1\x00" + seed + counter.to_bytes(8, "big"))
        digest = block.digest()
        for start in range(0, len(digest), 4):
            yield int.from_bytes(digest[start : start + 4], "big")
        counter += 1


def below_v1(words: Iterator[int], bound: int) -> int:
    """A number from 0 to bound - 1, each equally likely: step 2 above."""
    if not 1 <= bound <= WORD_VALUES:
        raise ValueError(f"bound must be from 1 to 2**32, not {bound}")
    limit = WORD_VALUES - WORD_VALUES % bound
    while True:
        word = next(words)
        if word < limit:
            return word % bound


def shuffle_v1(seed: bytes, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items in an order that the seed alone decides, every order equally likely."""
    words = words_v1(seed)
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        chosen = below_v1(words, last + 1)
        shuffled[last], shuffled[chosen] = shuffled[chosen], shuffled[last]
    return tuple(shuffled)


def choose_v1(seed: bytes, bound: int) -> int:
    """One number below the bound, from a seed that is used for nothing else."""
    return below_v1(words_v1(seed), bound)
