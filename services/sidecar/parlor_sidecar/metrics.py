"""What the sidecar counts, and how Prometheus reads it.

Written by hand because a client library would cost memory beside every service and time on every
request: the hot path is one dictionary increment and two bisections.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Observations in fixed buckets."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds

    @property
    def count(self) -> int:
        return sum(self._counts)

    def lines(self, name: str, meaning: str) -> list[str]:
        out = [f"# HELP {name} {meaning}", f"# TYPE {name} histogram"]
        total = 0
        for bound, count in zip(BUCKETS, self._counts, strict=False):
            total += count
            out.append(f'{name}_bucket{{le="{bound}"}} {total}')
        total += self._counts[-1]
        out += [
            f'{name}_bucket{{le="+Inf"}} {total}',
            f"{name}_sum {self._sum:.6f}",
            f"{name}_count {total}",
        ]
        return out


class Metrics:
    """The numbers of one sidecar. Labels come from our own tables only, never from a request."""

    def __init__(self) -> None:
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        self.retries = 0
        self.request_seconds = Histogram()
        self.upstream_seconds = Histogram()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show a number that somebody else keeps."""
        self._gauges[name] = (meaning, read)

    def exposition(self) -> bytes:
        """All of it in the Prometheus text format."""
        out = _counter(
            "parlor_sidecar_decisions_total",
            "Requests by verdict.",
            ("code", "reason"),
            self.decisions,
        )
        out += _counter(
            "parlor_sidecar_failures_total",
            "Allowed requests that got no whole answer.",
            ("code", "reason"),
            self.failures,
        )
        out += [
            "# HELP parlor_sidecar_upstream_retries_total Requests sent again on a new connection.",
            "# TYPE parlor_sidecar_upstream_retries_total counter",
            f"parlor_sidecar_upstream_retries_total {self.retries}",
        ]
        out += self.request_seconds.lines(
            "parlor_sidecar_request_seconds", "Time from a request's head to the end of its answer."
        )
        out += self.upstream_seconds.lines(
            "parlor_sidecar_upstream_seconds", "Time from forwarding to the head of the answer."
        )
        for name, (meaning, read) in self._gauges.items():
            out += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", f"{name} {read():g}"]
        return "\n".join(out).encode() + b"\n"


def _counter(
    name: str, meaning: str, labels: tuple[str, ...], values: Mapping[tuple[str, str], int]
) -> list[str]:
    out = [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
    for key, value in sorted(values.items()):
        pairs = ",".join(f'{label}="{text}"' for label, text in zip(labels, key, strict=True))
        out.append(f"{name}{{{pairs}}} {value}")
    return out
