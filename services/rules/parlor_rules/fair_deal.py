"""The fair deal: how one secret of the server and one word of each player make a game's seed.

The server draws a secret and publishes its commitment before any player answers the invite; each
player may add a seed of their own when they answer. The secret and those seeds together are the
game's seed, and the secret is told when the game is over. So the server cannot choose the cards
after it knows the players' seeds, no player can choose them at all, and everybody can check it.
Whoever deals calls this, and so does the verifier. `docs/fair-deal.md` is the text for people.

It is part of the record of a game and must never change its result: another way is a new version
beside this one, with a name of its own in `SHUFFLE`.

How `parlor.deal.v1` is defined:

1. The commitment is SHA-256(server seed); the server seed is 32 bytes.
2. The game's seed is SHA-256("parlor.deal.v1" || 0x00 || server seed || for each seat in order:
   the length of its seed as 4 bytes, big endian, and the seed in UTF-8). A seat without a seed
   has the empty one.
"""

import hashlib
from collections.abc import Sequence

SHUFFLE = "parlor.deal.v1+shuffle.v1"
SERVER_SEED_BYTES = 32
MAX_SEED_LENGTH = 64


def commitment_to(server_seed: bytes) -> bytes:
    """What is published of the server's secret before the deal."""
    return hashlib.sha256(server_seed).digest()


def game_seed(server_seed: bytes, seeds: Sequence[str]) -> bytes:
    """The seed that decides everything that chance decides in the game; `seeds` are by seat."""
    digest = hashlib.sha256(b"parlor.deal.v1\x00" + server_seed)
    for seed in seeds:
        said = seed.encode()
        digest.update(len(said).to_bytes(4, "big") + said)
    return digest.digest()


def is_seed(text: str) -> bool:
    """Whether a player may say this: 1 to 64 printable ASCII characters."""
    return 0 < len(text) <= MAX_SEED_LENGTH and text.isascii() and text.isprintable()
