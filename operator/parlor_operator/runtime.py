"""The composition root: settings -> clients -> controllers. Kopf hands it to handlers as `memo`."""

import asyncio
from typing import Self

from parlor_kit.internal import InternalClient

from parlor_operator.chat import ChatHolds
from parlor_operator.cluster import Cluster
from parlor_operator.controllers.distributor import DistributorController
from parlor_operator.controllers.legalhold import LegalHoldController
from parlor_operator.health import Health
from parlor_operator.identity import IdentityAccounts
from parlor_operator.internal import InternalRoutes
from parlor_operator.settings import OperatorSettings
from parlor_operator.watchdog import Watchdog

# Identity hashes a password in a PUT, and may have others to hash before.
_SECONDS = 10.0
PLURALS = ("distributors", "legalholds")


class Runtime:
    """Everything that handlers use. Needs a running event loop."""

    def __init__(self, settings: OperatorSettings, cluster: Cluster) -> None:
        self.settings = settings
        self.ready = asyncio.Event()
        self.cluster = cluster
        self._clients = {
            part: InternalClient(part, url, settings.parlor_credentials_dir, timeout=_SECONDS)
            for part, url in (
                ("identity", settings.parlor_identity_url),
                ("chat", settings.parlor_chat_url),
            )
        }
        patience = settings.operator_deletion_patience
        routes = {part: InternalRoutes(part, client) for part, client in self._clients.items()}
        self.distributors = DistributorController(
            IdentityAccounts(routes["identity"]), self.cluster, patience=patience
        )
        self.legalholds = LegalHoldController(ChatHolds(routes["chat"]), patience=patience)
        self.watchdog = Watchdog(
            self.cluster, PLURALS, settings.watch_namespaces, settings.operator_watch_lag
        )
        self._health = Health(self.watchdog, self.ready)

    def __copy__(self) -> Self:
        """Kopf copies its memo for each resource; there is nothing of a resource in here."""
        return self

    async def start(self) -> None:
        await self._health.start(self.settings.parlor_health_host, self.settings.parlor_health_port)
        self.watchdog.start(self.ready)

    async def stop(self) -> None:
        await self.watchdog.stop()
        await self._health.stop()
        for client in self._clients.values():
            await client.close()
        await self.cluster.close()
