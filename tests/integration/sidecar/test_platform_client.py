"""The client that the services call each other with gets through, on one connection or many."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from factories.sidecars import RunningSidecar
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient


async def test_the_internal_client_reads_and_writes_through_a_sidecar(
    sidecar: RunningSidecar, tmp_path: Path
) -> None:
    (tmp_path / "identity").write_text(sidecar.token())
    client = InternalClient("identity", f"http://127.0.0.1:{sidecar.port}", tmp_path)
    try:
        answers = await asyncio.gather(
            *(client.call("GET", f"/internal/v1/users/{number}") for number in range(20)),
            *(
                client.call("POST", "/internal/v1/users/batch", body={"ids": [n]})
                for n in range(20)
            ),
        )
    finally:
        await client.close()
    assert answers == [(200, {"ok": True})] * 40
    assert {reached.method for reached in sidecar.app.reached} == {"GET", "POST"}
    assert {reached.header("Authorization") == [] for reached in sidecar.app.reached} == {True}


async def test_the_internal_client_with_another_audience_gets_nothing(
    sidecar: RunningSidecar, tmp_path: Path
) -> None:
    (tmp_path / "identity").write_text(sidecar.token(aud=["chat.internal"]))
    client = InternalClient("identity", f"http://127.0.0.1:{sidecar.port}", tmp_path)
    try:
        with pytest.raises(DependencyUnavailable):
            await client.call("GET", "/internal/v1/users/7")
    finally:
        await client.close()
    assert sidecar.app.reached == []
