"""Options of a game: switches, and whole numbers between bounds.

The games and the match call it from `options`. It reports every violation at once, so that the
caller of the invite route can mend them all. What an option means, its game says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parlor_rules.protocol import InvalidOptions, Option


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    default: bool

    def refusal(self, value: object) -> str | None:
        return None if isinstance(value, bool) else "must be true or false"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`. Without a default it may be left out altogether."""

    low: int
    high: int
    default: int | None = None

    def refusal(self, value: object) -> str | None:
        # A bool is an int to Python, but true is no number to a player.
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        ):
            return None
        return f"must be a whole number from {self.low} to {self.high}"


def read_options(raw: Mapping[str, object], known: Mapping[str, Option]) -> dict[str, Any]:
    """The defaults, with what `raw` sets, in the order of `known`.

    Raises:
        InvalidOptions: lists every option that is unknown or has a bad value.
    """
    errors = []
    for name, value in raw.items():
        refusal = known[name].refusal(value) if name in known else "unknown option"
        if refusal:
            errors.append((f"options.{name}", refusal))
    if errors:
        raise InvalidOptions(tuple(sorted(errors)))
    chosen = {name: raw.get(name, option.default) for name, option in known.items()}
    return {name: value for name, value in chosen.items() if value is not None}
