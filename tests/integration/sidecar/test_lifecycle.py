"""How a sidecar starts, says that it is ready, does without keys, and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from pathlib import Path

import pytest
from factories.certificates import self_signed
from factories.polling import until
from factories.sidecars import RawClient, RunningSidecar, running_sidecar
from factories.signing import SigningKey


async def test_the_health_port_speaks_of_health_only(sidecar: RunningSidecar) -> None:
    assert (await sidecar.health("/livez")).status == 200
    assert (await sidecar.health("/readyz")).status == 200
    assert (await sidecar.health("/internal/v1/users/7")).status == 404
    assert (await sidecar.ask(sidecar.request("/metrics"))).status == 403


async def test_metrics_count_decisions_by_code_and_reason(sidecar: RunningSidecar) -> None:
    await sidecar.ask(sidecar.request())
    await sidecar.ask(sidecar.request("/internal/v1/none"))
    body = (await sidecar.health("/metrics")).body.decode()
    assert 'parlor_sidecar_decisions_total{code="allowed",reason="rule"} ' in body
    assert 'parlor_sidecar_decisions_total{code="forbidden",reason="no_rule"} ' in body
    assert "parlor_sidecar_keys_loaded 1" in body
    assert 'parlor_sidecar_request_seconds_bucket{le="+Inf"} ' in body


async def test_without_keys_everything_is_503_until_they_come(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path, issuer_up=False, jwks_refetch_seconds="0.1") as sidecar:
        answer = await sidecar.ask(sidecar.request())
        assert (answer.status, answer.code) == (503, "upstream_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert (await sidecar.health("/readyz")).body == b"no keys\n"
        assert (await sidecar.health("/livez")).status == 200
        assert sidecar.app.reached == []
        await sidecar.issuer.start()
        await sidecar.until_health("/readyz", lambda answer: answer.status == 200)
        assert (await sidecar.ask(sidecar.request())).status == 200


async def test_keys_that_grew_too_old_are_not_trusted(tmp_path: Path) -> None:
    async with running_sidecar(
        tmp_path, jwks_max_age_seconds="0.5", jwks_refetch_seconds="0.1"
    ) as sidecar:
        assert (await sidecar.ask(sidecar.request())).status == 200
        await sidecar.issuer.stop()
        await sidecar.until_health("/readyz", lambda answer: answer.body == b"no keys\n")
        assert (await sidecar.ask(sidecar.request())).status == 503


async def test_a_rotated_key_is_taken_up_and_a_withdrawn_one_is_not(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path, jwks_refetch_seconds="0.05") as sidecar:
        old = sidecar.token()
        assert (await sidecar.ask(sidecar.request(token=old))).status == 200
        sidecar.key = SigningKey("two")
        sidecar.issuer.keys = [sidecar.key]
        assert (await sidecar.ask(sidecar.request())).status == 200
        assert (await sidecar.ask(sidecar.request(token=old))).status == 401


async def test_sigterm_lets_requests_in_flight_finish_and_exits_0(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path) as sidecar:
        idle = await sidecar.connect()
        idle.send(sidecar.request())
        assert (await idle.answer()).status == 200
        client = await sidecar.connect()
        client.send(sidecar.request("/internal/v1/users/slow"))
        await until(lambda: len(sidecar.app.reached) == 2)
        sidecar.process.send_signal(signal.SIGTERM)
        assert await idle.ended() == b""
        assert (await sidecar.health("/readyz")).body == b"draining\n"
        with pytest.raises(OSError, match="Connect"):
            await sidecar.connect()
        sidecar.app.release.set()
        answer = await client.answer()
        assert (answer.status, answer.closed) == (200, True)
        assert await asyncio.wait_for(sidecar.process.wait(), 5) == 0
        assert len(sidecar.decisions()) == 2


async def test_sigterm_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with running_sidecar(tmp_path, drain_seconds="0.2") as sidecar:
        client = await sidecar.connect()
        client.send(sidecar.request("/internal/v1/users/slow"))
        await until(lambda: len(sidecar.app.reached) == 1)
        sidecar.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(sidecar.process.wait(), 5) == 0
        assert await client.ended() == b""


async def run(environment: dict[str, str], *arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "parlor_sidecar",
        *arguments,
        env={"PATH": os.environ["PATH"]} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, out.decode(), err.decode()


def environment(folder: Path, policy: str) -> dict[str, str]:
    (folder / "sidecar.toml").write_text(policy)
    return {
        "SIDECAR_HOST": "127.0.0.1",
        "SIDECAR_PORT": "0",
        "SIDECAR_HEALTH_PORT": "0",
        "SIDECAR_UPSTREAM": str(folder / "app.sock"),
        "SIDECAR_POLICY": str(folder / "sidecar.toml"),
        "SIDECAR_ISSUER": "https://issuer.test",
        "SIDECAR_JWKS_URL": "http://127.0.0.1:1/jwks",
    }


async def test_a_missing_setting_is_one_line_and_exit_2() -> None:
    code, _, err = await run({})
    assert code == 2
    assert err.count("\n") == 1
    assert "SIDECAR_PORT is missing" in err


async def test_a_bad_policy_is_one_line_and_exit_2(tmp_path: Path) -> None:
    code, _, err = await run(environment(tmp_path, "audience = 7"))
    assert code == 2
    assert err.count("\n") == 1
    assert "sidecar.toml: audience must be" in err


async def test_help_lists_every_setting() -> None:
    code, out, _ = await run({}, "--help")
    assert code == 0
    assert "SIDECAR_JWKS_URL" in out
    assert "SIDECAR_DRAIN_SECONDS" in out


async def test_memory_stays_within_its_budget(sidecar: RunningSidecar) -> None:
    status = Path(f"/proc/{sidecar.process.pid}/status").read_text()  # noqa: ASYNC240
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    assert int(resident.split()[1]) <= 45 * 1024


async def test_with_a_certificate_it_speaks_tls_only(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    async with running_sidecar(
        tmp_path, tls_cert_file=str(certificate), tls_key_file=str(key)
    ) as sidecar:
        trust = ssl.create_default_context(cafile=str(certificate))
        client = RawClient(
            *await asyncio.open_connection(
                "127.0.0.1", sidecar.port, ssl=trust, server_hostname="identity.internal"
            )
        )
        sidecar.clients.append(client)
        for _ in range(2):
            client.send(sidecar.request())
            assert (await client.answer()).status == 200
        plain = await sidecar.connect()
        plain.send(sidecar.request())
        assert not (await plain.ended()).startswith(b"HTTP/1.1 2")
        assert len(sidecar.app.reached) == 2
