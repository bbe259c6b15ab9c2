"""Carries out what a controller hands back: status patch, events, log line, another try.

Called by the handlers of both kinds. The status is written by a function that Kopf runs on the
body it patches, with a check of its resource version, so that nobody's conditions are lost.
"""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import kopf
from parlor_kit import logs
from parlor_kit.clock import now

from parlor_operator import conditions
from parlor_operator.reconcile.resource import Outcome, Resource

log = logs.get("reconcile")
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0


def resource_of(body: kopf.Body) -> Resource:
    """A snapshot of what Kopf shows."""
    meta = body.metadata
    return Resource(
        kind=str(body["kind"]),
        namespace=str(meta.namespace),
        name=str(meta.name),
        uid=str(meta.uid),
        generation=int(meta["generation"]),
        spec=dict(body.spec),
        status=dict(body.status),
    )


def carry_out(
    resource: Resource, outcome: Outcome, body: kopf.Body, patch: kopf.Patch, retry: int
) -> None:
    """Raises `kopf.TemporaryError` where the outcome asks for another try."""
    for notice in outcome.notices:
        kopf.event(body, type=notice.type, reason=notice.reason, message=notice.message)
        log.info(
            "reconcile.notice",
            kind=resource.kind,
            namespace=resource.namespace,
            name=resource.name,
            reason=notice.reason,
            message=notice.message,
        )
    status, at = outcome.status, now()
    if status is not None:

        def write(raw: Any) -> None:
            conditions.write(raw.setdefault("status", {}), status, resource.generation, at)

        patch.fns.append(write)
    if outcome.retry is not None:
        raise later(outcome.retry, retry)


def later(why: str, retry: int) -> kopf.TemporaryError:
    """Call again: after a second at first, twice as long each time, with jitter.

    Handlers raise nothing else. A permanent error would stop a timer for good.
    """
    delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(retry, 16))
    return kopf.TemporaryError(why, delay=delay * random.uniform(0.8, 1.2))  # noqa: S311 - jitter


def waited(meta: Mapping[str, Any]) -> timedelta:
    """For how long the resource has been asked to go."""
    asked = datetime.fromisoformat(str(meta["deletionTimestamp"]))
    return now() - asked


def first_look(interval: float) -> float:
    """When a timer starts: after a change has had its own reconcile, and spread over time."""
    return random.uniform(0.5, 1.0) * interval  # noqa: S311 - jitter
