"""Options that every game has: the service's own, which the rules of a game never see.

An invite carries them in its `options`, beside the game's own, and so does the game that comes of
it. The invite use case reads them with `read`, the deal adds what the platform decides (`dealt`);
whoever deals or rebuilds a table gives the rules `for_rules` of what is stored. Nothing here knows
a game.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any

from parlor_rules.protocol import InvalidOptions

TURN_SECONDS = range(5, 86_400 + 1)
RESERVE_SECONDS = range(3_600 + 1)


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What the players agreed on by accepting. Without `turn_seconds` there is no turn clock."""

    turn_seconds: int | None = None
    reserve_seconds: int = 0
    spectators: bool = False

    def stored(self) -> dict[str, Any]:
        """All of them with their values, JSON-ready."""
        return asdict(self)


_CHOSEN = frozenset(field.name for field in fields(TableOptions))
# For how long a table without a turn clock may lie idle: nobody chooses it, everybody can check it.
_IDLE = "idle_seconds"
NAMES = _CHOSEN | {_IDLE}


def read(raw: Mapping[str, object]) -> TableOptions:
    """The table's options among `raw`, defaults filled in; null counts as not given.

    Raises:
        InvalidOptions: bad values; lists every violation.
    """
    given = {name: raw[name] for name in sorted(NAMES & raw.keys()) if raw[name] is not None}
    wrong = [
        (f"options.{name}", message)
        for name, value in given.items()
        if (message := _violation(name, value)) is not None
    ]
    if given.get("reserve_seconds") and "turn_seconds" not in given:
        wrong.append(("options.reserve_seconds", "is of no use without turn_seconds"))
    if wrong:
        raise InvalidOptions(tuple(wrong))
    return stored(given)


def stored(options: Mapping[str, Any]) -> TableOptions:
    """The table's options of a game or invite that was accepted as valid before."""
    return TableOptions(**{name: options[name] for name in _CHOSEN & options.keys()})


def dealt(options: Mapping[str, Any], idle_after: timedelta) -> dict[str, Any]:
    """The options of a game that is dealt, as its log begins with them."""
    if stored(options).turn_seconds is not None:
        return dict(options)
    return {**options, _IDLE: idle_after // timedelta(seconds=1)}


def for_rules(options: Mapping[str, Any]) -> dict[str, Any]:
    """What is left for the rules of the game."""
    return {name: value for name, value in options.items() if name not in NAMES}


def _violation(name: str, value: object) -> str | None:
    if name == _IDLE:
        return "is the platform's to say"
    if name == "spectators":
        return None if isinstance(value, bool) else "must be true or false"
    allowed = TURN_SECONDS if name == "turn_seconds" else RESERVE_SECONDS
    if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
        return None
    return f"must be a whole number of seconds, {allowed[0]} to {allowed[-1]}"
