"""No log of any process holds a password, a token or what people wrote."""

import pytest
from factories.people import gather_circle, open_conversation
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional

BODY = "what nobody else should read, 4f1c9a"


async def test_no_process_logs_a_secret_or_a_text(platform: Stack) -> None:
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
        ann, ben = circle.customers
        conversation = await open_conversation(ann, ben)
        path = f"/api/v1/conversations/{conversation}"
        ticket = (await ann.api.post(f"{path}/ws-ticket"))["token"]
        async with ann.api.live(f"{path}/ws", ticket=ticket) as live:
            await live.request("send", body=BODY)
        invite = await circle.distributor.api.post("/api/v1/invites", {"max_uses": 1})
        for wrong in ({"email": ann.email, "password": ann.password + "x"}, {"password": BODY}):
            with pytest.raises(Refused):
                await api.post("/api/v1/auth/login", wrong)
    secrets = [
        BODY,
        ticket,
        invite["token"],
        platform.admin_password,
        platform.credential("chat", "customer"),
        *(person.password for person in (ann, ben, circle.distributor)),
        *(person.token for person in (ann, ben, circle.distributor, circle.admin)),
    ]
    logs = sorted(platform.home.log.glob("*.log*"))
    assert len(logs) > 12
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [secret[:12] for secret in secrets if secret in text], log.name
