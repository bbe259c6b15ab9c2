"""What all connections of one sidecar share. Built by `server`, read by `connection`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parlor_sidecar.audit import Audit
from parlor_sidecar.decision import Gate, Limits
from parlor_sidecar.metrics import Metrics
from parlor_sidecar.pool import Pool
from parlor_sidecar.settings import Settings

if TYPE_CHECKING:
    from parlor_sidecar.connection import Connection


@dataclass(slots=True)
class Context:
    """The parts that were put together once, and the little that changes while serving."""

    settings: Settings
    limits: Limits
    gate: Gate
    pool: Pool
    metrics: Metrics
    audit: Audit
    loop: asyncio.AbstractEventLoop
    connections: set[Connection] = field(default_factory=set)
    in_flight: int = 0
    draining: bool = False

    def open(self) -> int:
        """How many callers are connected."""
        return len(self.connections)
