"""Act four: a moderator reviews, a hold is placed, expiry runs; the held text is still there."""

from typing import Any

from parlor_dev.client import Refused
from parlor_dev.demo.people import Cast
from parlor_dev.demo.screen import Screen, check
from parlor_dev.demo.talk import Conversation


async def keep_evidence(cast: Cast, screen: Screen, held: Conversation) -> None:
    """One conversation is held, a second is not; only the second loses its text."""
    screen.act("4 · Evidence")
    review = f"/api/v1/admin/moderation/conversations/{held.id}?reason=demo+review&limit=200"
    async with screen.step("The moderator reviews the conversation, with a reason") as step:
        try:
            await cast.ann.api.get(review)
            check(False, "participants have no moderation surface")
        except Refused as refusal:
            check(refusal.status in (403, 404), "participants have no moderation surface")
        seen = await cast.moderator.api.get(review)
        check(_has(seen, held.evidence), "everything retained is shown")
        step.say(f"{len(seen['messages'])} messages; the view is itself an audit record")
    async with screen.step("Ann and the distributor talk as well: nobody will hold this") as step:
        made = await cast.ann.api.post(
            "/api/v1/conversations", {"participant_ids": [cast.distributor.id]}
        )
        free = Conversation(made["id"], "a decent deck costs nine euros")
        await cast.distributor.api.post(
            f"/api/v1/conversations/{free.id}/messages", {"body": free.evidence}
        )
        step.say(f"conversation {free.id}")
    async with screen.step("A legal hold is placed on Ann's and Ben's conversation") as step:
        hold = await cast.moderator.api.post(
            f"/api/v1/admin/moderation/conversations/{held.id}/legal-hold",
            {"matter": "DEMO-1", "reason": "what was said before the game"},
        )
        check(hold["released_at"] is None, "the hold stands")
        step.say(f"hold {hold['id']}, matter {hold['matter']}")
    scope: dict[str, Any] = {
        "conversation_ids": [held.id, free.id],
        "archive_after": "PT0S",
        "expire_after": "PT0S",
    }
    run = "/api/v1/admin/archive-expiry/run"
    async with screen.step("Archive expiry runs dry: it says what would go") as step:
        dry = await cast.admin.api.post(run, {"dry_run": True, **scope})
        check(dry["dry_run"] is True and dry["expired"] >= 1, "the dry run counts")
        still = await cast.moderator.api.get(review.replace(held.id, free.id))
        check(_has(still, free.evidence), "a dry run deletes nothing")
        step.say(f"would expire {dry['expired']}, held {dry['held']}")
    async with screen.step("Then for real") as step:
        real = await cast.admin.api.post(run, {"dry_run": False, **scope})
        check(real["expired"] == dry["expired"], "what was announced is what went")
        check(real["held"] >= 1, "and what is held was kept")
        step.say(f"expired {real['expired']}, held {real['held']}")
        step.say(f"manifest SHA-256 {real['manifest_sha256']}")
    async with screen.step("The held text is still there, the rest is gone") as step:
        kept = await cast.moderator.api.get(review)
        check(_has(kept, held.evidence), "the hold kept the text")
        gone = await cast.moderator.api.get(review.replace(held.id, free.id))
        check(not _has(gone, free.evidence), "what nobody held is gone")
        step.say(f"{len(kept['messages'])} messages kept by {kept['holds'][0]['matter']}")


def _has(review: dict[str, Any], text: str) -> bool:
    return any(message["body"] == text for message in review["messages"])
