"""PostgreSQL away: 503 with Retry-After, nothing lost, and back without a restart."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from factories.chat_processes import chat_processes
from factories.polling import until_true
from factories.tcp_gate import tcp_gate
from parlor_dev.backing import PostgresBacking
from parlor_dev.client import Refused

pytestmark = pytest.mark.integration


async def test_sends_are_refused_while_it_is_away_and_work_again_when_it_is_back(
    postgres_server: PostgresBacking,
    kafka_bootstrap: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    database = await postgres_server.database("chat")
    url = urlsplit(database.app_url)
    async with tcp_gate(str(url.hostname), url.port or 5432) as gate:
        through = f"{url.scheme}://{url.username}:{url.password}@127.0.0.1:{gate.port}{url.path}"
        folder = tmp_path_factory.mktemp("away")
        async with chat_processes(
            replace(database, app_url=through), kafka_bootstrap, folder
        ) as chat:
            ann, ben = chat.talker(), chat.talker()
            path = f"/api/v1/conversations/{await chat.conversation(ann, ben)}"
            async with ann.api.live(f"{path}/ws") as hers:
                await hers.request("send", body="before", client_message_id="a")
                await gate.shut()
                attempts = [
                    ("POST", f"{path}/messages", {"body": "while it is away"}),
                    ("GET", f"{path}/messages", None),
                    ("POST", "/api/v1/conversations", {"participant_ids": [str(ben.id)]}),
                    ("POST", f"{path}/ws-ticket", {}),
                ]
                for method, address, body in attempts:
                    with pytest.raises(Refused) as refused:
                        await ann.api.answer(method, address, body)
                    assert refused.value.code == "dependency_unavailable", address
                    assert refused.value.status == 503
                    assert int(refused.value.retry_after or 0) > 0
                with pytest.raises(Refused) as refused:
                    await hers.request("send", body="after", client_message_id="b")
                assert refused.value.code == "dependency_unavailable"
                await gate.open()

                async def sends_again() -> bool:
                    try:
                        await hers.request("send", body="after", client_message_id="b")
                    except Refused:
                        return False
                    return True

                await until_true(sends_again, 15)
                assert [m["body"] for m in (await ben.api.get(f"{path}/messages"))["items"]] == [
                    "before",
                    "after",
                ]
                while (await hers.next())["event"]["message"]["body"] != "after":
                    pass
                assert hers.seq == 2
