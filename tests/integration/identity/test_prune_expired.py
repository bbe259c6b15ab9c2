"""The worker forgets what is over, and nothing else."""

import pytest
from factories.identity_composed import Composed
from parlor_identity.usecases.prune_expired import PruneExpired

pytestmark = pytest.mark.integration


async def test_only_what_is_over_is_forgotten(composed: Composed) -> None:
    account_id, email, password = await composed.register()
    sessions = []
    for _ in range(4):
        principal = await composed.principal(await composed.log_in(email, password))
        sessions.append(principal.session_id)
    going_on, expired, ended_lately, ended_long_ago = sessions
    for session, change in (
        (expired, "expires_at = now() - interval '1 second'"),
        (ended_lately, "ended_at = now(), ended_for = 'logged_out'"),
        (ended_long_ago, "ended_at = now() - interval '8 days', ended_for = 'logged_out'"),
    ):
        await composed.rows(f"UPDATE sessions SET {change} WHERE id = $1::uuid", session)
    await composed.rows(
        "INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at, used_at) "
        "VALUES ('old', $1::uuid, now(), now() - interval '1 second', now())",
        going_on,
    )
    await composed.rows(
        "INSERT INTO login_throttles (key, failures, failed_at) VALUES "
        "('1:old', 9, now() - interval '25 hours'), ('1:new', 9, now())"
    )
    await composed.rows(
        "INSERT INTO known_addresses (account_id, address, last_seen_at) VALUES "
        "($1, 'old', now() - interval '91 days')",
        account_id,
    )
    prune = PruneExpired(composed.database)
    assert await prune() == {
        "refresh_tokens": 1,
        "sessions": 2,
        "login_throttles": 1,
        "known_addresses": 1,
    }
    left = await composed.rows("SELECT id::text FROM sessions WHERE account_id = $1", account_id)
    assert {row["id"] for row in left} == {going_on, ended_lately}
    tokens = await composed.rows("SELECT session_id::text FROM refresh_tokens")
    assert {row["session_id"] for row in tokens} == {going_on, ended_lately}
    assert not any((await prune()).values())


async def test_any_number_is_forgotten_in_batches(composed: Composed) -> None:
    await composed.rows(
        "INSERT INTO login_throttles (key, failures, failed_at) "
        "SELECT '2:' || n, 1, now() - interval '2 days' FROM generate_series(1, 2500) AS n"
    )
    assert (await PruneExpired(composed.database)())["login_throttles"] == 2500
