"""PostgreSQL and Kafka in containers, by testcontainers. Called by `backing` alone.

testcontainers reads its settings when it is imported, so it is imported inside functions, after
they are set: no Ryuk (it is one more image to fetch; a killed run is cleaned by the label
`parlor-test`), and ports of this host rather than of the bridge gateway.
"""

import asyncio
import functools
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parlor_dev.ports import HOST, PortReservations

LABEL = "parlor-test"
_SETTINGS = {
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
    "TC_HOST": HOST,
}
_START_SECONDS = 60


def postgres_image() -> str:
    return os.environ.get("PARLOR_TEST_POSTGRES_IMAGE", "postgres:18")


def kafka_image() -> str:
    return os.environ.get("PARLOR_TEST_KAFKA_IMAGE", "apache/kafka:4.1.0")


@functools.cache
def usable() -> bool:
    """Whether a Docker engine answers and the images are there or can be had."""
    if not _engine_listens():
        return False
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException, ImageNotFound  # type: ignore[import-untyped]

    try:
        client = docker.from_env(timeout=120)
    except DockerException:
        return False
    try:
        client.ping()
        for image in (postgres_image(), kafka_image()):
            try:
                client.images.get(image)
            except ImageNotFound:
                client.images.pull(image)
    except (DockerException, OSError):
        return False
    finally:
        client.close()
    return True


def _engine_listens() -> bool:
    """The Docker client leaves a socket open when nothing listens, so look before it does."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    scheme, _, path = address.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        return probe.connect_ex(path) == 0


@asynccontextmanager
async def postgres() -> AsyncIterator[str]:
    """Superuser URL of a fresh server."""
    os.environ.update(_SETTINGS)
    from testcontainers.community.postgres import PostgresContainer

    server = PostgresContainer(
        postgres_image(),
        username="postgres",
        password=secrets.token_hex(12),
        dbname="postgres",
        driver=None,
    ).with_kwargs(labels={LABEL: "postgres"})
    await asyncio.to_thread(server.start)
    try:
        yield server.get_connection_url()
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def kafka() -> AsyncIterator[str]:
    """Bootstrap address of a fresh broker."""
    os.environ.update(_SETTINGS)
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    ports = PortReservations()
    port = ports.take()
    ports.close()
    broker = DockerContainer(kafka_image()).with_bind_ports(9092, port)
    for key, value in _broker_settings(port).items():
        broker = broker.with_env(key, value)
    started = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(_START_SECONDS)
    broker = broker.waiting_for(started).with_kwargs(labels={LABEL: "kafka"})
    await asyncio.to_thread(broker.start)
    try:
        yield f"{HOST}:{port}"
    finally:
        await asyncio.to_thread(broker.stop)


def _broker_settings(port: int) -> dict[str, str]:
    """The settings of the native broker, in the spelling of the apache/kafka image."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,INTERNAL://:19092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port},INTERNAL://localhost:19092",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": (
            "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
