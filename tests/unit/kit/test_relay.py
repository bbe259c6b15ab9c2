"""The relay outlives whatever its database session dies of."""

from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from factories.polling import until
from factories.running import running
from parlor_kit.database import Database
from parlor_kit.events import Schemas
from parlor_kit.kafka import Brokers
from parlor_kit.relay import Relay

KAFKA = Path(__file__).parents[3] / "kafka"


class DyingSession:
    """A connection that the server drops while a statement is on its way."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault
        self.terminated = False

    async def fetchval(self, *_: object) -> Any:
        raise self._fault

    def terminate(self) -> None:
        self.terminated = True


class Restarting:
    """A database whose sessions all die."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault
        self.sessions: list[DyingSession] = []

    async def connect(self) -> DyingSession:
        self.sessions.append(DyingSession(self._fault))
        return self.sessions[-1]


@pytest.mark.parametrize(
    "fault",
    [
        asyncpg.InternalClientError("cannot switch to state 12; another operation is in progress"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        ConnectionResetError("reset by peer"),
        TimeoutError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_session_that_dies_is_followed_by_another(fault: Exception) -> None:
    database = Restarting(fault)
    relay = Relay(cast(Database, database), Schemas(KAFKA), Brokers("localhost:1"))
    async with running(relay.run()) as task:
        await until(lambda: len(database.sessions) > 1, seconds=10)
        assert not task.done()
    assert all(session.terminated for session in database.sessions)
