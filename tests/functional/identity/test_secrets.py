"""No secret is readable in the log or in the database, whatever happens."""

import base64
from pathlib import Path

import pytest
from factories.identity_replicas import (
    ADMIN_PASSWORD,
    OPERATOR,
    Identity,
    admin_headers,
    log_in,
    new_email,
    new_password,
    refresh,
    signed_in,
    signed_in_user,
)

pytestmark = pytest.mark.functional

WRONG = "wr0ng-but-still-secret"


async def everything_stored(identity: Identity) -> str:
    """Every row of every table, binary columns as text and as they are."""
    tables = await identity.rows(
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    content = []
    for table in tables:
        for row in await identity.rows(f'SELECT * FROM "{table["name"]}"'):
            for value in row.values():
                if isinstance(value, bytes):
                    content.append(value.decode("latin-1") + value.hex())
                else:
                    content.append(str(value))
    return "\n".join(content)


def read(log: Path) -> str:
    return log.read_text()


async def test_no_secret_is_readable_anywhere(identity: Identity) -> None:
    async with identity.replica(PARLOR_LOG_LEVEL="DEBUG") as replica:
        email, password, tokens = await signed_in_user(replica.public)
        second = await refresh(replica.public, tokens.body["refresh_token"])
        admin = await admin_headers(replica.public)
        made = await replica.public.call(
            "POST",
            "/api/v1/admin/distributors",
            json={"email": new_email(), "display_name": "Card Shop"},
            headers=admin,
            key="secret",
        )
        kept = await replica.internal.call(
            "PUT",
            "/internal/v1/distributors/secret-1",
            json={"email": new_email(), "display_name": "Card Shop"},
            headers=OPERATOR,
        )
        changed = new_password()
        await replica.public.call(
            "POST",
            "/api/v1/users/me/password",
            json={"current_password": password, "new_password": changed},
            headers=signed_in(second.body["access_token"]),
        )
        for _ in range(7):
            await log_in(replica.public, email, WRONG)
        await replica.public.call(
            "POST", "/api/v1/auth/login", data=b'{"email": 1, "password": "' + WRONG.encode()
        )
        # A fault in the middle of a login: its trace must not carry what was sent.
        await identity.rows("ALTER TABLE login_throttles RENAME TO login_throttles_away")
        fault = await log_in(replica.public, email, WRONG)
        await identity.rows("ALTER TABLE login_throttles_away RENAME TO login_throttles")
        assert (fault.status, fault.code) == (500, "internal_error")
        assert "login_throttles" not in str(fault.body)
        document = await replica.public.call("GET", "/.well-known/jwks.json")
    secrets = {
        password,
        changed,
        WRONG,
        ADMIN_PASSWORD,
        identity.secret_key,
        made.body["initial_password"],
        kept.body["initial_password"],
        tokens.body["access_token"],
        tokens.body["refresh_token"],
        second.body["access_token"],
        second.body["refresh_token"],
        admin["authorization"].split()[1],
    }
    logged, stored = read(replica.log), await everything_stored(identity)
    assert "UndefinedTableError" in logged
    assert document.body["keys"][0]["kid"] in stored
    assert email in stored
    for secret in secrets:
        assert secret not in logged
        assert secret not in stored
        assert base64.b64encode(secret.encode()).decode() not in stored
