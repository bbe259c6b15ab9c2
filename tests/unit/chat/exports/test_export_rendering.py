"""A line, its mail and its place on the page say the same, and what people wrote stays text."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from parlor_chat import export_rendering as rendering

ANN, BEN = "0197a000-0000-7000-8000-00000000000a", "0197a000-0000-7000-8000-00000000000b"
AT = "2026-11-24T22:58:12.000123Z"
NASTY = (
    "<script>alert('hello')</script>\r\nFrom: nobody\x0b\u2028<img src=x onerror=y>&amp; \U0001f0a1"
)


def line(**changes: Any) -> dict[str, Any]:
    return {
        "id": "0197a000-0000-7000-8000-000000000001",
        "conversation_id": "0197a000-0000-7000-8000-000000000002",
        "seq": 7,
        "sender_id": ANN,
        "kind": "user",
        "body": NASTY,
        "sent_at": AT,
        "state": "active",
        "participants_at_the_time": [ANN, BEN],
        "delivered_to": [{"user_id": BEN, "at": AT}],
        "read_by": [],
        "versions": [],
    } | changes


def version(number: int, kind: str, body: str | None) -> dict[str, Any]:
    return {"version": number, "kind": kind, "body": body, "by_user_id": ANN, "at": AT}


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def text_of(part: Any) -> str:
    payload: bytes = part.get_payload(decode=True)
    return payload.decode()


def test_a_mail_is_rfc_5322_and_has_the_very_text() -> None:
    content = rendering.mail(line(), "Cards")
    assert re.fullmatch(rb"(?:[^\r\n]*\r\n)*", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    mail = read(content)
    assert text_of(mail) == NASTY
    assert mail["from"].addresses[0].addr_spec == f"{ANN}@users.parlor.invalid"
    assert [each.addr_spec for each in mail["to"].addresses] == [f"{BEN}@users.parlor.invalid"]
    assert mail["date"].datetime.isoformat() == "2026-11-24T22:58:12+00:00"
    assert mail["subject"] == "Cards #7"
    assert mail["message-id"] == f"<{line()['id']}@messages.parlor.invalid>"
    assert mail["x-parlor-delivered"] == f"{BEN}; {AT}"
    assert mail["x-parlor-read"] is None


def test_every_version_is_attached_to_its_mail() -> None:
    versions = [version(2, "edited", "second\n"), version(3, "deleted", None)]
    mail = read(rendering.mail(line(versions=versions), None))
    body, second = mail.iter_parts()
    assert (text_of(body), text_of(second)) == (NASTY, "second\n")
    assert second.get_filename() == "version-2.txt"
    assert mail.get_all("x-parlor-change") == [
        f"2; edited; {ANN}; {AT}",
        f"3; deleted; {ANN}; {AT}",
    ]


@pytest.mark.parametrize(
    "title",
    ["Ünïcode", "two\r\nBcc: all", "x" * 200, "=?utf-8?q?trick?=", "ж" * 200, "tab\tand\x00nul"],
)
def test_a_title_is_never_more_than_a_subject(title: str) -> None:
    mail = read(rendering.mail(line(), title))
    shown = "".join(character if character.isprintable() else " " for character in title)
    assert " ".join(mail["subject"].split()) == " ".join(f"{shown} #7".split())
    assert mail["bcc"] is None


def test_many_participants_fold_over_lines() -> None:
    people = [f"0197a000-0000-7000-8000-{number:012}" for number in range(100)]
    mail = read(rendering.mail(line(participants_at_the_time=people, sender_id=people[0]), None))
    assert len(mail["to"].addresses) == 99


class Page(HTMLParser):
    """What a reader of the page gets: elements and text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_shows_what_was_written_and_runs_none_of_it() -> None:
    conversation = {
        "id": "0197a000-0000-7000-8000-000000000002",
        "title": "</title><script>1</script>",
        "participants": [{"user_id": ANN, "joined_at": AT}],
        "created_at": AT,
        "read_at": AT,
    }
    messages = [
        line(),
        line(seq=8, sender_id=None, body="</p><script>2</script>", state="deleted"),
        line(seq=9, body=None, versions=[version(2, "edited", "<b>bold</b>")]),
    ]
    content = (
        rendering.page_begin(conversation) + rendering.page_messages(messages) + rendering.PAGE_END
    )
    page = Page(content)
    assert not page.tags & {"script", "img", "b", "link", "iframe"}
    assert NASTY.replace("\r\n", "\n") in page.text.replace("\r\n", "\n")
    assert "<b>bold</b>" in page.text
    assert b"default-src 'none'" in content
    assert "There is no text here any more." in page.text
