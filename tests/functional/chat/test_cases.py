"""From a report to its effect on the running platform: sockets, notices, the account."""

import secrets
from typing import Any

import pytest
from factories.people import gather_circle, open_conversation, sign_in
from factories.polling import until_true
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional


async def test_a_report_leads_to_a_removal_and_to_a_suspension_that_an_admin_lifts(
    platform: Stack,
) -> None:
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
        (ann, ben), admin = circle.customers, circle.admin.api
        made = await admin.post(
            "/api/v1/admin/moderators",
            {"email": f"mod.{secrets.token_hex(6)}@example.com", "display_name": "Moderator"},
        )
        moderator = (await sign_in(api, made["email"], made["initial_password"])).api
        path = f"/api/v1/conversations/{await open_conversation(ann, ben)}"

        async def decided(message: dict[str, Any], outcome: str) -> None:
            await ben.api.post(
                f"/api/v1/messages/{message['id']}/report", {"reason": "this hurts"}, key=outcome
            )
            queue = await moderator.get(f"/api/v1/admin/cases?subject_id={ann.id}&state=open")
            (case,) = queue["items"]
            await moderator.post(
                f"/api/v1/admin/cases/{case['id']}/close",
                {"outcome": outcome, "expected_version": 1, "reason": "the rules say so"},
            )

        async with ann.api.live(f"{path}/ws") as hers, ben.api.live(f"{path}/ws") as his:
            first = (await hers.request("send", body="an ugly pelican"))["message"]
            await decided(first, "removed")
            gone = (await his.next("message.deleted"))["event"]
            assert (gone["message_id"], gone["body"]) == (first["id"], "")
            assert gone["deleted_by"] == "moderator"
            found = await moderator.get(
                "/api/v1/admin/moderation/search?q=ugly+pelican&reason=a+report"
            )
            assert first["id"] in [message["id"] for message in found["items"]]
            second = (await hers.request("send", body="another"))["message"]
            await decided(second, "suspended")
            assert await hers.closed() == 4403
        with pytest.raises(Refused) as refused:
            await api.login(ann.email, ann.password)
        assert refused.value.code == "invalid_credentials"
        notices = (await ben.api.get("/api/v1/notices"))["items"]
        assert [notice["outcome"] for notice in notices] == ["suspended", "removed"]
        await admin.post(f"/api/v1/admin/users/{ann.id}/enable")

        async def back() -> bool:
            try:
                caller = await api.login(ann.email, ann.password)
                await caller.post(f"{path}/messages", {"body": "I am sorry"})
            except Refused as still:
                if still.code != "not_entitled":
                    raise
                return False
            return True

        await until_true(back, seconds=20, every=0.5)
