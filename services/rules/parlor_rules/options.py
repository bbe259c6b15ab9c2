"""Options of a game that are switched on or off.

The games call it from `options`. It reports every violation at once, so that the caller of the
invite route can mend them all.
"""

from collections.abc import Mapping

from parlor_rules.protocol import InvalidOptions


def switches(raw: Mapping[str, object], defaults: Mapping[str, bool]) -> dict[str, bool]:
    """The defaults, with what `raw` sets."""
    errors = [
        (f"options.{name}", "unknown option" if name not in defaults else "must be true or false")
        for name, value in raw.items()
        if name not in defaults or not isinstance(value, bool)
    ]
    if errors:
        raise InvalidOptions(tuple(sorted(errors)))
    return {name: raw.get(name, default) is True for name, default in defaults.items()}
