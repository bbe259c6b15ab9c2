"""What Prometheus learns of the operator, beside what every process of Parlor tells it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from parlor_kit.metrics import REGISTRY, exposition
from prometheus_client import Counter, Gauge, Histogram

from parlor_operator.reconcile.resource import Outcome

__all__ = ["WATCH_BEHIND", "Timing", "exposition", "forget", "timed"]

_RECONCILES = Counter(
    "parlor_operator_reconciles_total",
    "Reconciles by kind and result: what Ready said, or retry, skipped, fault.",
    ("kind", "result"),
    registry=REGISTRY,
)
_SECONDS = Histogram(
    "parlor_operator_reconcile_seconds",
    "Time of a reconcile, its calls included.",
    ("kind",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
_RESOURCES = Gauge(
    "parlor_operator_resources",
    "Resources by kind and what Ready says of them.",
    ("kind", "ready"),
    registry=REGISTRY,
)
WATCH_BEHIND = Gauge(
    "parlor_operator_watch_behind_seconds",
    "For how long the watch of a kind has missed a change that the API server lists.",
    ("kind",),
    registry=REGISTRY,
)
_ready: dict[tuple[str, str], str] = {}


class Timing:
    """Takes down how a reconcile ended."""

    def __init__(self, kind: str, uid: str) -> None:
        self._key = (kind, uid)
        self.result = "fault"

    def says(self, outcome: Outcome) -> None:
        if outcome.status is None:
            self.result = "retry" if outcome.retry else "skipped"
            return
        ready = str(outcome.status.ready.status)
        self.result = "retry" if outcome.retry else ready
        forget(*self._key)
        _ready[self._key] = ready
        _RESOURCES.labels(self._key[0], ready).inc()


@contextmanager
def timed(kind: str, uid: str) -> Iterator[Timing]:
    began = time.perf_counter()
    timing = Timing(kind, uid)
    try:
        yield timing
    finally:
        _SECONDS.labels(kind).observe(time.perf_counter() - began)
        _RECONCILES.labels(kind, timing.result).inc()


def forget(kind: str, uid: str) -> None:
    """The resource is gone, or about to be counted anew."""
    before = _ready.pop((kind, uid), None)
    if before is not None:
        _RESOURCES.labels(kind, before).dec()
