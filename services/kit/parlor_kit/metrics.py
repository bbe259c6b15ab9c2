"""Prometheus metrics that every process exposes on its health port, under the names in docs."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUESTS = Counter(
    "parlor_http_requests_total",
    "Answers by route template, method and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "parlor_http_request_seconds",
    "Time from the parsed request to its answer.",
    ("method", "route"),
    buckets=_FAST,
    registry=REGISTRY,
)
SOCKETS = Gauge("parlor_live_sockets", "Open live sockets.", registry=REGISTRY)
SOCKETS_CLOSED = Counter(
    "parlor_live_sockets_closed_total", "Live sockets that we closed.", ("code",), registry=REGISTRY
)
OUTBOX_PUBLISHED = Counter(
    "parlor_outbox_published_total", "Events that the broker took.", ("topic",), registry=REGISTRY
)
OUTBOX_PARKED = Counter(
    "parlor_outbox_parked_total",
    "Events that no consumer could read.",
    ("topic",),
    registry=REGISTRY,
)
OUTBOX_PENDING = Gauge(
    "parlor_outbox_pending",
    "Events not yet taken by the broker, up to 100000; each worker of a service tells the same.",
    registry=REGISTRY,
)
CONSUMED = Counter(
    "parlor_events_consumed_total",
    "Events by topic and outcome: applied, duplicate, ignored, dead_lettered.",
    ("topic", "outcome"),
    registry=REGISTRY,
)
BATCH_SIZE = Histogram(
    "parlor_batch_size",
    "Writes that shared one commit.",
    ("writer",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=REGISTRY,
)


def exposition() -> bytes:
    """All metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
