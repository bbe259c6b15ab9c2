"""Who the first admin is: decided while there is none, and kept beside the data that remembers it.

Called by `stack` at each start and by the demo. Identity makes its first admin once and ignores the
settings from then on, so from then on they come from the state folder's secrets alone: what the
environment says at a later start would be a password that opens nothing.
"""

import os
import secrets
from dataclasses import dataclass

import asyncpg

from parlor_dev.home import Home

DEFAULT_EMAIL = "admin@parlor.local"
_EMAIL_FILE, PASSWORD_FILE = "admin-email", "admin-password"
_EMAIL, _PASSWORD = "PARLOR_ADMIN_EMAIL", "PARLOR_ADMIN_PASSWORD"


@dataclass(frozen=True)
class FirstAdmin:
    """`made` says that the password is new and random; `ignored` names variables without effect."""

    email: str
    password: str
    made: bool = False
    ignored: tuple[str, ...] = ()


def kept(home: Home) -> FirstAdmin | None:
    """The first admin of this state folder, or None where no start has decided on one."""
    email, password = home.secret_file(_EMAIL_FILE), home.secret_file(PASSWORD_FILE)
    if not email.exists() or not password.exists():
        return None
    return FirstAdmin(email.read_text().strip(), password.read_text().strip())


def decide(home: Home, *, exists: bool) -> FirstAdmin:
    """Who the first admin is; `exists` says that identity has made it already.

    While it has not, the environment may still change what an earlier start decided: one that
    failed because a password was too short is mended by a longer one.
    """
    before = kept(home)
    wanted = (os.environ.get(_EMAIL), os.environ.get(_PASSWORD))
    if before is not None and exists:
        names = zip(wanted, (before.email, before.password), (_EMAIL, _PASSWORD), strict=True)
        ignored = tuple(name for value, held, name in names if value and value != held)
        return FirstAdmin(before.email, before.password, ignored=ignored)
    email = wanted[0] or (before.email if before else DEFAULT_EMAIL)
    password = wanted[1] or (before.password if before else secrets.token_urlsafe(18))
    home.keep(PASSWORD_FILE, password)
    home.keep(_EMAIL_FILE, email)
    return FirstAdmin(email, password, made=before is None and not wanted[1])


async def is_made(identity_url: str) -> bool:
    """Whether identity's database has an admin; before its first migration it has none."""
    connection = await asyncpg.connect(identity_url, timeout=10)
    try:
        if await connection.fetchval("SELECT to_regclass('accounts') IS NULL"):
            return False
        return bool(
            await connection.fetchval("SELECT EXISTS (SELECT FROM accounts WHERE role = 'admin')")
        )
    finally:
        await connection.close(timeout=5)
