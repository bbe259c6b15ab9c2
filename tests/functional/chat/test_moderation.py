"""Moderation and retention on the running platform: origin, sidecar, sockets, Kafka."""

import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from factories.people import Person, gather_circle, open_conversation, sign_in
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack

pytestmark = pytest.mark.functional

NOW = {"archive_after": "PT0S", "expire_after": "PT0S"}


@pytest.fixture
async def api(platform: Stack) -> AsyncIterator[Api]:
    async with Api(platform.url) as origin:
        yield origin


class Scene:
    """Two people with a conversation, and the admin and moderator who may look at it."""

    def __init__(self, admin: Person, moderator: Person, ann: Person, ben: Person) -> None:
        self.admin, self.moderator, self.ann, self.ben = admin, moderator, ann, ben
        self.conversation = ""

    async def say(self, text: str) -> dict[str, Any]:
        path = f"/api/v1/conversations/{self.conversation}/messages"
        sent: dict[str, Any] = await self.ann.api.post(path, {"body": text}, key=str(uuid4()))
        return sent

    async def review(self, person: Person) -> dict[str, Any]:
        shown: dict[str, Any] = await person.api.get(
            f"/api/v1/admin/moderation/conversations/{self.conversation}?reason=a+report"
        )
        return shown

    @property
    def hold_path(self) -> str:
        return f"/api/v1/admin/moderation/conversations/{self.conversation}/legal-hold"

    async def expire(self, **body: Any) -> dict[str, Any]:
        run: dict[str, Any] = await self.admin.api.post(
            "/api/v1/admin/archive-expiry/run",
            {"conversation_ids": [self.conversation], **NOW, **body},
        )
        return run


@pytest.fixture
async def scene(platform: Stack, api: Api) -> Scene:
    circle = await gather_circle(platform, api)
    made = await circle.admin.api.post(
        "/api/v1/admin/moderators",
        {"email": f"mod.{secrets.token_hex(6)}@example.com", "display_name": "Moderator"},
    )
    moderator = await sign_in(api, made["email"], made["initial_password"])
    scene = Scene(circle.admin, moderator, *circle.customers)
    scene.conversation = await open_conversation(scene.ann, scene.ben)
    return scene


async def refusal(awaitable: Any) -> tuple[int, str | None]:
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.status, refused.value.code


async def internal(
    stack: Stack, caller: str, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    """A call through chat's sidecar with the credential of `caller`."""
    headers = {"authorization": f"Bearer {stack.credential(caller, 'chat')}"}
    async with (
        aiohttp.ClientSession() as http,
        http.request(
            method, stack.internal_url("chat") + path, json=body, headers=headers
        ) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def test_participants_can_neither_review_nor_hold_nor_expire(scene: Scene) -> None:
    assert await refusal(scene.review(scene.ann)) == (403, "forbidden")
    placing = scene.ann.api.post(scene.hold_path, {"matter": "M", "reason": "because"})
    assert await refusal(placing) == (403, "forbidden")
    running = scene.ann.api.post("/api/v1/admin/archive-expiry/run", {})
    assert await refusal(running) == (403, "forbidden")
    assert await refusal(scene.moderator.api.post("/api/v1/admin/archive-expiry/run", {})) == (
        403,
        "forbidden",
    )


async def test_what_is_held_stays_for_moderators_though_participants_see_it_no_more(
    scene: Scene,
) -> None:
    sent = await scene.say("the evidence")
    await scene.ben.api.post(f"/api/v1/messages/{sent['id']}/read")
    hold = await scene.moderator.api.post(
        scene.hold_path, {"matter": "M-1", "reason": "a court asks"}
    )
    dry = await scene.expire(dry_run=True)
    run = await scene.expire()
    assert (run["archived"], run["expired"], run["held"]) == (1, 0, 1)
    assert run["manifest_sha256"] == dry["manifest_sha256"]
    path = f"/api/v1/conversations/{scene.conversation}/messages"
    assert (await scene.ann.api.get(path))["items"] == []
    review = await scene.review(scene.moderator)
    (message,) = review["messages"]
    assert (message["body"], message["state"]) == ("the evidence", "archived")
    assert message["read_by"][0]["user_id"] == scene.ben.id
    assert [each["id"] for each in review["holds"]] == [hold["id"]]

    released = await scene.moderator.api.delete(f"{scene.hold_path}?matter=M-1")
    assert [each["id"] for each in released["items"]] == [hold["id"]]
    # It can still be restored, so nothing of it goes yet.
    assert released["items"][0]["protects_until"] > released["items"][0]["released_at"]
    assert (await scene.expire())["held"] == 1
    assert len((await scene.review(scene.admin))["messages"]) == 1


async def test_a_socket_that_slept_through_an_expiry_gets_a_snapshot_not_a_hole(
    scene: Scene,
) -> None:
    path = f"/api/v1/conversations/{scene.conversation}/ws"
    async with scene.ben.api.live(path) as live:
        await live.drop()
        await scene.say("gone before it was seen")
        await scene.expire()
        await scene.say("still here")
        welcome = await live.resume()
    assert welcome["recovered"] is False
    assert [message["body"] for message in welcome["snapshot"]["messages"]] == ["still here"]


async def test_numbers_of_later_messages_go_on_where_expired_ones_ended(scene: Scene) -> None:
    assert (await scene.say("one"))["seq"] == 1
    await scene.expire()
    assert (await scene.say("two"))["seq"] == 2


async def test_the_operators_hold_goes_through_the_sidecar_and_nobody_elses_does(
    platform: Stack, scene: Scene
) -> None:
    await scene.say("held by the resource")
    path = f"/internal/v1/legal-holds/{uuid4()}"
    body = {"matter": "M-9", "reason": "a court asks", "custodian_ids": [scene.ben.id]}
    status, refused = await internal(platform, "archive-expiry", "PUT", path, body)
    assert (status, refused["code"]) == (403, "forbidden")
    status, report = await internal(platform, "operator", "PUT", path, body)
    assert (status, report["held_conversations"], report["held_messages"]) == (201, 1, 1)
    assert (await scene.expire())["held"] == 1
    assert await refusal(scene.admin.api.delete(scene.hold_path)) == (409, "managed_by_operator")
    status, report = await internal(platform, "operator", "DELETE", path)
    assert (status, report["orphaned"]) == (200, True)
    released = await scene.admin.api.delete(f"{scene.hold_path}?matter=M-9")
    assert [each["source"] for each in released["items"]] == ["operator"]


async def test_the_scheduled_job_runs_expiry_through_the_sidecar(platform: Stack) -> None:
    path = "/internal/v1/archive-expiry/run"
    status, run = await internal(platform, "archive-expiry", "POST", path, {"dry_run": True})
    assert (status, run["requested_by"], run["dry_run"]) == (200, "archive-expiry", True)
    status, refused = await internal(platform, "operator", "POST", path, {})
    assert (status, refused["code"]) == (403, "forbidden")
