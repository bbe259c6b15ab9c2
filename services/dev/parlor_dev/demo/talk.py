"""Act two: a live conversation with receipts, a lost connection and a resume without a gap."""

from dataclasses import dataclass

from parlor_dev.client import Live
from parlor_dev.demo.people import Cast, Person
from parlor_dev.demo.screen import Screen, check

MISSED = 25


@dataclass(frozen=True)
class Conversation:
    """The conversation of the two customers; `evidence` is the text that a hold will keep."""

    id: str
    evidence: str


def _path(conversation_id: str) -> str:
    return f"/api/v1/conversations/{conversation_id}/ws"


async def _ticket(person: Person, conversation_id: str) -> str:
    answer = await person.api.post(f"/api/v1/conversations/{conversation_id}/ws-ticket")
    return str(answer["token"])


async def converse(cast: Cast, screen: Screen) -> Conversation:
    """Ann and Ben chat; every promise of the live socket is seen once."""
    ann, ben = cast.ann, cast.ben
    screen.act("2 · Chat")
    async with screen.step("Ann opens a conversation with Ben") as step:
        made = await ann.api.post("/api/v1/conversations", {"participant_ids": [ben.id]})
        again = await ben.api.post("/api/v1/conversations", {"participant_ids": [ann.id]})
        check(made["id"] == again["id"], "two people have one conversation")
        conversation_id = made["id"]
        step.say(f"conversation {conversation_id}, the same from both sides")
    async with (
        ann.api.live(_path(conversation_id), ticket=await _ticket(ann, conversation_id)) as hers,
        ben.api.live(_path(conversation_id)) as his,
    ):
        async with screen.step("They chat live; Ben's receipts reach Ann") as step:
            await _exchange(hers, his)
            step.say("sent → delivered → read, each on the other's socket")
        async with screen.step(f"Ben's phone loses the network; Ann writes {MISSED} messages"):
            await his.drop()
            for number in range(MISSED):
                await hers.request("send", body=f"while you were away, {number + 1}")
        async with screen.step("Ben resumes: nothing missing, nothing twice") as step:
            welcome = await his.resume()
            check(welcome["recovered"] is True, "the stream is recovered, not reloaded")
            bodies: list[str] = []
            while len(bodies) < MISSED:
                frame = await his.next("message.sent")
                bodies.append(frame["event"]["message"]["body"])
            check(
                bodies == [f"while you were away, {number + 1}" for number in range(MISSED)],
                "every missed message follows in order",
            )
            step.say(f"{welcome['replayed']} events replayed in order, now at seq {his.seq}")
        async with screen.step("A lost answer is sent again, and is one message") as step:
            path = f"/api/v1/conversations/{conversation_id}/messages"
            body = {"body": "I'll bring the crisps", "client_message_id": "crisps-1"}
            first_status, first = await ann.api.answer("POST", path, body)
            again_status, again = await ann.api.answer("POST", path, body)
            check((first_status, again_status) == (201, 200), "first 201, then 200")
            check(first["id"] == again["id"], "the same message")
            step.say(f"message {first['seq']} of the conversation, once")
    return Conversation(conversation_id, "I'll bring the crisps")


async def _exchange(hers: Live, his: Live) -> None:
    ack = await hers.request("send", body="Cards tonight?")
    frame = await his.next("message.sent")
    message = frame["event"]["message"]
    check(message["body"] == "Cards tonight?", "Ben gets the text")
    check(message["id"] == ack["message"]["id"], "the ack names the same message")
    await his.request("delivered", message_id=message["id"])
    delivered = await hers.next("message.delivered")
    check(delivered["event"]["message_id"] == message["id"], "Ann sees it delivered")
    await his.request("read", message_id=message["id"])
    read = await hers.next("message.read")
    check(read["event"]["message_id"] == message["id"], "Ann sees it read")
    await his.request("send", body="Crazy eights, and I deal")
    await hers.next("message.sent")
