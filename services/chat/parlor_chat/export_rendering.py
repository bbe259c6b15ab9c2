"""How an exported conversation reads: as JSON Lines, as mails, and as a page for people. Pure.

Called by `usecases/build_exports.py`. A line of `messages.jsonl` is the one statement of a message:
its mail and its place on the page are made from that line and nothing else, so that the three can
never differ. The page has no script and refuses to run any; whatever people wrote is escaped.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from html import escape
from typing import Any

import orjson
from parlor_kit.answers import dumps

Line = Mapping[str, Any]

# Nobody can be written to under these addresses: https://www.rfc-editor.org/rfc/rfc2606
DOMAIN = "users.parlor.invalid"
_SYSTEM = "the platform"
_FOLD = ",\r\n "
_HEADER_LENGTH = 60

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem } table { border-collapse: collapse } td, th { padding: .1rem .8rem .1rem 0;
text-align: left; vertical-align: top } article { border-top: 1px solid #ccc; padding: .6rem 0 }
header, footer, code { color: #555; font-size: .85rem } p.text { white-space: pre-wrap;
overflow-wrap: anywhere; margin: .3rem 0 } .gone { color: #a00; font-style: italic }
"""
_HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    f'<meta name="referrer" content="no-referrer"><style>{_STYLE}</style>'
)


def _head(title: str) -> str:
    return f"{_HEAD}<title>{escape(title)}</title></head><body>\n<h1>{escape(title)}</h1>\n"


PAGE_END = b"</body></html>\n"
INDEX_END = b"</ol></body></html>\n"


def json_lines(records: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """A line a message, with all that is known of who saw it."""
    return [dumps(record) + b"\n" for record in records]


def read_line(line: bytes) -> Line:
    parsed: Line = orjson.loads(line)
    return parsed


def mail(line: Line, title: str | None) -> bytes:
    """The message as RFC 5322 has it, edits attached; texts are byte for byte those of the line.

    Written by hand: the standard library takes milliseconds for what is a few lines here.
    """
    conversation_id, sender = line["conversation_id"], line["sender_id"]
    others = [each for each in line["participants_at_the_time"] if each != sender]
    headers = [
        f"From: {_address(sender)}",
        *([f"To: {_FOLD.join(map(_address, others))}"] if others else []),
        f"Date: {format_datetime(datetime.fromisoformat(line['sent_at']))}",
        f"Subject: {_subject(title or 'Conversation ' + conversation_id)} #{line['seq']}",
        f"Message-ID: <{line['id']}@messages.parlor.invalid>",
        f"References: <{conversation_id}@conversations.parlor.invalid>",
        f"X-Parlor-Conversation: {conversation_id}",
        f"X-Parlor-Seq: {line['seq']}",
        f"X-Parlor-State: {line['state']}",
        *(f"X-Parlor-Delivered: {mark['user_id']}; {mark['at']}" for mark in line["delivered_to"]),
        *(f"X-Parlor-Read: {mark['user_id']}; {mark['at']}" for mark in line["read_by"]),
        *(
            "X-Parlor-Change: {version}; {kind}; {by_user_id}; {at}".format(**each)
            for each in line["versions"]
        ),
        "MIME-Version: 1.0",
    ]
    edits = [each for each in line["versions"] if each["body"] is not None]
    text = _part(line["body"] or "")
    if not edits:
        return _crlf(*headers) + text
    # A boundary with a character that base64 does not have is in no part.
    boundary = f"={line['id']}="
    parts = [text, *(_part(each["body"], f"version-{each['version']}.txt") for each in edits)]
    return b"".join(
        [
            _crlf(*headers, f'Content-Type: multipart/mixed; boundary="{boundary}"', ""),
            *(_crlf(f"--{boundary}") + part for part in parts),
            _crlf(f"--{boundary}--"),
        ]
    )


def _part(text: str, name: str | None = None) -> bytes:
    head = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"]
    if name is not None:
        head.append(f'Content-Disposition: attachment; filename="{name}"')
    return _crlf(*head, "") + base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")


def _crlf(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _address(user_id: str | None) -> str:
    return f"<{user_id or 'system'}@{DOMAIN}>"


def _subject(title: str) -> str:
    plain = _one_line(title)
    if plain.isascii() and len(plain) <= _HEADER_LENGTH and "=?" not in plain:
        return plain
    return Header(plain, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def page_begin(conversation: Mapping[str, Any]) -> bytes:
    """The page of a conversation up to its first message; `conversation` is conversation.json."""
    title = conversation["title"] or f"Conversation {conversation['id']}"
    people = "".join(
        f"<tr><td><code>{escape(each['user_id'])}</code></td><td>{escape(each['joined_at'])}</td></tr>"
        for each in conversation["participants"]
    )
    return (
        _head(title) + "<table><tr><th>Conversation</th><td><code>"
        f"{escape(conversation['id'])}</code></td></tr>"
        f"<tr><th>Created</th><td>{escape(conversation['created_at'])}</td></tr>"
        f"<tr><th>Read for this export</th><td>{escape(conversation['read_at'])}"
        "</td></tr></table>\n"
        f"<table><tr><th>Participant</th><th>since</th></tr>{people}</table>\n"
    ).encode()


def page_messages(lines: Iterable[Line]) -> bytes:
    return "".join(_article(line) for line in lines).encode()


def _article(line: Line) -> str:
    state = "" if line["state"] == "active" else f" · {escape(line['state'])}"
    text = (
        '<p class="gone">There is no text here any more.</p>'
        if line["body"] is None
        else f'<p class="text">{escape(line["body"])}</p>'
    )
    versions = "".join(map(_version, line["versions"]))
    return (
        f'<article id="m{line["seq"]}"><header>#{line["seq"]} · {escape(line["sent_at"])} · '
        f"{escape(line['sender_id'] or _SYSTEM)}{state}</header>{text}{versions}<footer>"
        f"delivered to {_marks(line['delivered_to'])}; read by {_marks(line['read_by'])}"
        "</footer></article>\n"
    )


def _version(version: Mapping[str, Any]) -> str:
    head = f"<details><summary>{escape(version['kind'])} {escape(version['at'])} by "
    text = f'<p class="text">{escape(version["body"])}</p>' if version["body"] else ""
    return f"{head}{escape(version['by_user_id'])}</summary>{text}</details>"


def _marks(marks: Sequence[Mapping[str, str]]) -> str:
    said = ", ".join(f"{escape(mark['user_id'])} at {escape(mark['at'])}" for mark in marks)
    return said or "nobody"


def index_begin(what: str) -> bytes:
    """The page that leads to those of the conversations."""
    return f"{_head(what)}<ol>\n".encode()


def index_item(conversation_id: str, messages: int | None) -> bytes:
    if messages is None:
        return f"<li><code>{escape(conversation_id)}</code>: no longer there</li>\n".encode()
    link = f'<a href="conversations/{escape(conversation_id)}/conversation.html">'
    count = f"{messages} message{'' if messages == 1 else 's'}"
    return f"<li>{link}<code>{escape(conversation_id)}</code></a>: {count}</li>\n".encode()
