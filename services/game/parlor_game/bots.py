"""The practice partners: which seats of a table are bots.

A bot is no account. Its user id is made of its level and its number at the table, the same on
every platform, so who sits at a table says which seats are bots. The invite use case seats them,
views mark them, and the bots' process lets them play. How they choose, `parlor_rules.bots` says.
"""

from collections.abc import Mapping, Sequence
from typing import get_args
from uuid import UUID, uuid5

from parlor_rules.bots import Level

__all__ = ["LEVELS", "MOST", "Level", "bot_id", "level_of", "seated"]

LEVELS: tuple[Level, ...] = get_args(Level)
MOST = 15  # at one table

_NAMESPACE = UUID("7b0f2c7e-53a5-5d1e-9c0b-0f6a4d1c2b38")


def bot_id(level: Level, number: int) -> UUID:
    """The user id of the bot that is the `number`th of its level at a table, from 1."""
    return uuid5(_NAMESPACE, f"{level}-{number}")


_LEVELS: Mapping[UUID, Level] = {
    bot_id(level, number): level for level in LEVELS for number in range(1, MOST + 1)
}


def level_of(user_id: UUID) -> Level | None:
    """The level of a bot, None for a person."""
    return _LEVELS.get(user_id)


def seated(levels: Sequence[Level]) -> list[UUID]:
    """The bots of a table, in the order of their levels."""
    return [bot_id(level, levels[: place + 1].count(level)) for place, level in enumerate(levels)]
