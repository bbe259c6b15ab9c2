"""LegalHold: what Kopf calls for each of them. The work is `controllers.legalhold`'s."""

from typing import Any

import kopf

from parlor_operator.cluster import GROUP, VERSION
from parlor_operator.handlers.effects import carry_out, first_look, resource_of, waited
from parlor_operator.handlers.limits import BACKOFF, DELETION_TIMEOUT, RESYNC, TIMEOUT
from parlor_operator.runtime import Runtime

PLURAL = "legalholds"


@kopf.on.create(GROUP, VERSION, PLURAL, backoff=BACKOFF, timeout=TIMEOUT)
@kopf.on.update(GROUP, VERSION, PLURAL, backoff=BACKOFF, timeout=TIMEOUT)
@kopf.on.resume(GROUP, VERSION, PLURAL, backoff=BACKOFF, timeout=TIMEOUT)
async def legalhold_changed(
    body: kopf.Body, patch: kopf.Patch, memo: Runtime, retry: int = 0, **_: Any
) -> None:
    resource = resource_of(body)
    carry_out(resource, await memo.legalholds.reconcile(resource), body, patch, retry)


@kopf.timer(
    GROUP,
    VERSION,
    PLURAL,
    interval=RESYNC,
    initial_delay=lambda **_: first_look(RESYNC),
    backoff=BACKOFF,
)
async def legalhold_resync(
    body: kopf.Body, patch: kopf.Patch, memo: Runtime, retry: int = 0, **_: Any
) -> None:
    resource = resource_of(body)
    carry_out(resource, await memo.legalholds.reconcile(resource), body, patch, retry)


@kopf.on.delete(GROUP, VERSION, PLURAL, backoff=BACKOFF, timeout=DELETION_TIMEOUT)
async def legalhold_deleted(
    body: kopf.Body, patch: kopf.Patch, memo: Runtime, retry: int = 0, **_: Any
) -> None:
    resource = resource_of(body)
    outcome = await memo.legalholds.finalize(resource, waited(body.metadata))
    carry_out(resource, outcome, body, patch, retry)


@kopf.on.event(GROUP, VERSION, PLURAL)
async def legalhold_seen(body: kopf.Body, memo: Runtime, type: str | None, **_: Any) -> None:
    version = str(body.metadata["resourceVersion"])
    memo.watchdog.saw(PLURAL, str(body.metadata.uid), version, gone=type == "DELETED")
