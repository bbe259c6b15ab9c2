"""What identity tells the others arrives on Kafka, in the order in which it happened."""

import asyncio
import contextlib
import sys

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from factories.identity_replicas import Identity, Replica, admin_headers, new_email
from factories.polling import until_true
from parlor_dev import checkout
from parlor_kit.events import Event, Schemas, parse

pytestmark = pytest.mark.functional


async def test_the_worker_carries_every_change_of_an_account_in_order(
    identity: Identity, replica: Replica, kafka_bootstrap: str
) -> None:
    admin = await admin_headers(replica.public)
    made = await replica.public.call(
        "POST",
        "/api/v1/admin/distributors",
        json={"email": new_email("shop"), "display_name": "Card Shop"},
        headers=admin | {"x-request-id": "provisioned-by-test"},
    )
    account_id = made.body["id"]
    for to in ("disable", "enable", "disable"):
        await replica.public.call("POST", f"/api/v1/admin/users/{account_id}/{to}", headers=admin)
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "parlor_identity",
        "worker",
        env=identity.environment(
            PARLOR_KAFKA_BOOTSTRAP=kafka_bootstrap,
            PARLOR_HEALTH_PORT=str(identity.ports.take()),
        ),
        stdout=asyncio.subprocess.DEVNULL,
    )
    consumer = AIOKafkaConsumer(
        "identity.events", bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()

    async def carried() -> bool:
        return await identity.rows("SELECT id FROM outbox WHERE key = $1", account_id) == []

    schemas = Schemas(checkout.kafka_folder())
    told: list[Event] = []
    try:
        async with asyncio.timeout(60):
            while len(told) < 4:
                record = await consumer.getone()
                event = parse(record.topic, record.value)
                schemas.check(event.type, event.data)
                if record.key == account_id.encode():
                    told.append(event)
        await until_true(carried, 30)
    finally:
        await consumer.stop()
        with contextlib.suppress(ProcessLookupError):
            worker.terminate()
        assert await worker.wait() == 0
    assert [(event.type, event.data["version"]) for event in told] == [
        ("account.registered", 1),
        ("account.disabled", 2),
        ("account.enabled", 3),
        ("account.disabled", 4),
    ]
    assert told[0].request_id == "provisioned-by-test"
    assert made.body["initial_password"] not in orjson.dumps(told[0].data).decode()
