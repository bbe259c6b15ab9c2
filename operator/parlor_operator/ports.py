"""What controllers ask of identity, chat and the cluster, and in which words they get the answers.

`identity`, `chat` and `cluster` implement these; tests give fakes. Every method raises
`errors.Unavailable` where nobody answered, and may be repeated after any crash.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """`first_password`: somebody needs one, because there is no Secret that holds it."""

    email: str
    display_name: str
    suspended: bool
    first_password: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account as identity has it. The password is there when one was made just now.

    `moderated`: moderators suspended it, and it stays so until an admin lifts that.
    """

    id: str
    email: str
    display_name: str
    suspended: bool
    moderated: bool = False
    first_password: str | None = field(default=None, repr=False)


class Accounts(Protocol):
    async def find(self, uid: str) -> Account | None: ...

    async def put(self, uid: str, wanted: WantedAccount) -> Account:
        """Raises `EmailTaken` and `errors.Refused`."""

    async def release(self, uid: str, *, disable: bool) -> None:
        """Leave the account to the admins. Raises `errors.Gone`."""


@dataclass(frozen=True, slots=True)
class WantedHold:
    matter: str
    reason: str
    conversation_ids: Sequence[str]
    custodian_ids: Sequence[str]
    released: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as chat has it. `orphaned`: chat was told that its resource is gone.

    What a released hold covered stays until `protects_until`, as chat tells it.
    """

    id: str
    active: bool
    orphaned: bool
    conversations: int
    messages: int
    missing: Sequence[str]
    released_by: str | None = None
    protects_until: str | None = None


class Holds(Protocol):
    async def find(self, key: UUID) -> Hold | None: ...

    async def put(self, key: UUID, wanted: WantedHold) -> Hold:
        """Raises `errors.Refused`."""

    async def orphan(self, key: UUID) -> None:
        """Tell that the resource is gone. Raises `errors.Gone`."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource that a Secret belongs to."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Login:
    """What a Secret holds."""

    email: str
    password: str = field(repr=False)


SECRET_TAKEN = "secret_taken"  # noqa: S105 - a code


class Secrets(Protocol):
    async def find(self, namespace: str, name: str) -> Login | None: ...

    async def write(self, name: str, owner: Owner, login: Login) -> None:
        """Make the Secret, or change the one that is there.

        Raises `errors.Refused`, with `SECRET_TAKEN` where it belongs to somebody else.
        """

    async def remove(self, namespace: str, name: str) -> None: ...
