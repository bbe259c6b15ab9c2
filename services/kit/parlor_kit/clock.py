"""Time, in one form: aware UTC datetimes inside, RFC 3339 with `Z` outside."""

from datetime import UTC, datetime

__all__ = ["now", "rfc3339"]


def now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` as the contract writes times, for example `2026-11-24T22:58:12.000123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
