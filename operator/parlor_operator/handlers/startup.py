"""What Kopf calls once: its settings, its credentials, the beginning and the end.

Kopf's defaults are not left alone: its finalizer and annotations would be shared with every other
Kopf operator, its requests would have no time limit, and a peering object that somebody else made
would pause us.
"""

import logging
from typing import Any

import kopf

from parlor_operator.connection import credentials
from parlor_operator.runtime import PLURALS, Runtime

PREFIX = "operator.parlor.dev"
FINALIZER = "parlor.dev/operator"
_DEFINITIONS_SECONDS = 5.0


def configure(settings: kopf.OperatorSettings, watch_inactivity: float) -> None:
    """See the module."""
    settings.persistence.finalizer = FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=PREFIX, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=PREFIX, v1=False)
    settings.persistence.consistency_timeout = 10.0
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = watch_inactivity
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = (1, 2, 3, 5, 8)
    settings.execution.max_workers = 2
    settings.execution.default_backoff = 15
    settings.posting.loggers = False
    settings.posting.level = logging.INFO
    settings.posting.default_backoffs = (1, 2, 3)
    settings.posting.reporting_component = "parlor-operator"
    settings.posting.event_name_prefix = "parlor-"
    settings.process.ultimate_exiting_timeout = 30


@kopf.on.startup()
async def start(memo: Runtime, **_: Any) -> None:
    await memo.start()


@kopf.on.startup()
async def wait_for_definitions(memo: Runtime, **_: Any) -> None:
    """Kopf looks once for what it is to watch, so what it watches has to be there."""
    for plural in PLURALS:
        if not await memo.cluster.serves(plural):
            why = f"the cluster does not serve {plural} yet: kubectl apply -f crds/"
            raise kopf.TemporaryError(why, delay=_DEFINITIONS_SECONDS)


@kopf.on.login()
def log_in(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo:
    return credentials(settings)


@kopf.on.cleanup()
async def stop(memo: Runtime, **_: Any) -> None:
    await memo.stop()
