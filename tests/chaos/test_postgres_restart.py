"""PostgreSQL is restarted under load: requests get 503, then all is well without a restart."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from factories.people import gather_circle, open_conversation
from factories.polling import until
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.chaos


async def test_services_refuse_with_503_while_it_is_away_and_recover_by_themselves(
    fragile: Stack, api: Api
) -> None:
    circle = await gather_circle(fragile, api)
    ann, ben = circle.customers
    conversation = await open_conversation(ann, ben)
    parts = ("-api-", "-worker", "-bots")
    names = [name for name in fragile.process_names if any(part in name for part in parts)]
    pids = {name: fragile.process(name).pid for name in names}
    accepted: list[str] = []
    seen: Counter[str] = Counter()
    retry_after: set[str | None] = set()
    running = True

    async def load(number: int) -> None:
        count = 0
        while running:
            count += 1
            reference = f"{number}-{count}"
            try:
                await ann.api.post(
                    f"/api/v1/conversations/{conversation}/messages",
                    {"body": "under load", "client_message_id": reference},
                )
                accepted.append(reference)
                seen["201"] += 1
            except Refused as refusal:
                seen[str(refusal.status)] += 1
                if refusal.status == 503:
                    retry_after.add(refusal.retry_after)
            except aiohttp.ClientError:
                seen["broken"] += 1
            await asyncio.sleep(0.01)

    async def probe(path: str) -> None:
        while running:
            try:
                await ann.api.get(path)
                seen[path] += 1
            except Refused as refusal:
                seen[str(refusal.status)] += 1
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(load(number)) for number in range(8)]
    reads = ("/api/v1/users/me", f"/api/v1/relationships/{ann.id}", "/api/v1/games")
    tasks += [asyncio.create_task(probe(path)) for path in reads]
    await until(lambda: seen["201"] > 50, seconds=15)
    await fragile.postgres.stop()
    await until(lambda: seen["503"] > 20, seconds=30)
    await fragile.postgres.start()
    at_return = seen["201"]
    await until(lambda: seen["201"] > at_return + 100, seconds=30)
    running = False
    await asyncio.gather(*tasks)
    assert set(seen) == {"201", "503", *reads}, seen
    assert None not in retry_after
    assert {name: fragile.process(name).pid for name in names} == pids
    kept = await _client_ids(ann.api, conversation)
    assert set(accepted) <= kept, "what was accepted is there"


async def _client_ids(api: Api, conversation: str) -> set[str]:
    found: set[str] = set()
    cursor = ""
    while True:
        page = await api.get(f"/api/v1/conversations/{conversation}/messages?limit=200{cursor}")
        found |= {message["client_message_id"] for message in page["items"]}
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
