"""Which passwords are refused, and the making of first passwords.

12 to 128 characters, anything that Unicode offers, no rule of composition (NIST SP 800-63B,
section 5.1.1.2). Refused are the passwords that guessing begins with:

- one of the commonest passwords, also in capitals, with letters as digits ("p@ssw0rd"), and with
  digits or signs around it ("!Password2024");
- one part said again and again ("abc123abc123"), or fewer than five different characters;
- runs of the alphabet, the digits or the keyboard ("qwertyuiop12", "abcdefghijkl");
- the e-mail's local part or the display name with too little of its own beside it.

Called by the use cases that set a password and by `settings`; never by login, which takes whatever
was set.
"""

import re
import secrets
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path

MIN_LENGTH = 12
MAX_LENGTH = 128

_LEET = str.maketrans("013457@$!|", "oleastasil")
_EDGES = re.compile(r"^[^a-z@$!|]+|[^a-z@$!|]+$")
_NOT_LETTERS = re.compile(r"[^a-z]")
_ROWS = (
    "12345678909",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
)
_NEIGHBOURS = frozenset(pair for row in _ROWS for pair in pairwise(row)) | frozenset(
    pair[::-1] for row in _ROWS for pair in pairwise(row)
)
_LIST = Path(__file__).with_name("data") / "common_passwords.txt"

COMMON = "is among the most common passwords"
REPEATED = "repeats one part over and over"
SEQUENCE = "is a run of neighbouring letters, digits or keys"
PERSONAL = "is little more than the e-mail address or the name"
LENGTH = f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"


def normalised(password: str) -> str:
    """The form that is hashed: the same characters, however a keyboard composes them."""
    return unicodedata.normalize("NFKC", password)


def initial() -> str:
    """A first password: 144 random bits."""
    return secrets.token_urlsafe(18)


def faults(password: str, email: str, display_name: str) -> list[str]:
    """Everything that is wrong with `password` for this person; empty when it is good."""
    password = normalised(password)
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return [LENGTH]
    folded = password.casefold()
    found = _weaknesses(folded)
    if not found and _personal(folded, email, display_name):
        found.append(PERSONAL)
    return found


def _weaknesses(folded: str) -> list[str]:
    found = []
    part = _repeated_part(folded)
    if len(set(folded)) < 5 or (part is not None and len(part) <= 6):
        found.append(REPEATED)
    if _is_common(part or folded):
        found.append(COMMON)
    if _is_sequence(folded):
        found.append(SEQUENCE)
    return found


def _repeated_part(folded: str) -> str | None:
    """The shortest part that the whole is made of, two times or more."""
    length = (folded + folded).find(folded, 1)
    return folded[:length] if length < len(folded) else None


def _is_common(folded: str) -> bool:
    trimmed = _EDGES.sub("", folded)
    core = _NOT_LETTERS.sub("", trimmed.translate(_LEET))
    plain = _NOT_LETTERS.sub("", trimmed)
    return not common_passwords().isdisjoint({folded, trimmed, core, plain, core.rstrip("il")})


def _is_sequence(folded: str) -> bool:
    """Whether three of four steps go to a neighbour: in the alphabet, or on the keyboard."""
    steps = sum(
        abs(ord(first) - ord(second)) <= 1 or (first, second) in _NEIGHBOURS
        for first, second in pairwise(folded)
    )
    return steps * 4 >= (len(folded) - 1) * 3


def _personal(folded: str, email: str, display_name: str) -> bool:
    for own in (email.partition("@")[0], display_name):
        own = own.casefold()
        if len(own) < 4 or own not in folded:
            continue
        rest = folded.replace(own, "")
        if len(rest) < MIN_LENGTH or _weaknesses(rest):
            return True
    return False


@cache
def common_passwords() -> frozenset[str]:
    """The list, read once a process."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
