"""Prometheus metrics of chat alone: what somebody has to be woken for, or to look after.

They stand beside those of `parlor_kit.metrics`, on the same health port.
"""

from parlor_kit.metrics import REGISTRY
from prometheus_client import Gauge

CASES = Gauge(
    "parlor_chat_unclosed_cases",
    "Reported messages that are still to be decided, by state: open, in_review.",
    ("state",),
    registry=REGISTRY,
)
OLDEST_CASE = Gauge(
    "parlor_chat_oldest_unclosed_case_seconds",
    "How long the oldest case has waited to be decided; 0 without one.",
    registry=REGISTRY,
)
AUDIT_TAMPERED = Gauge(
    "parlor_chat_audit_tampered",
    "1 when the audit log was last found to contradict a signed head: an alarm.",
    registry=REGISTRY,
)
