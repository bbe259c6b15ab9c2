"""A watch that has gone silent: opened anew by itself, or else by the kubelet."""

import secrets
from pathlib import Path

import pytest
from factories.dead_watch import live, muted_operator
from factories.kube_api import KubeApi, distributor
from factories.polling import until_true
from parlor_dev.stack import Stack

pytestmark = [pytest.mark.cluster, pytest.mark.chaos]


def new_name() -> str:
    return f"shop-{secrets.token_hex(4)}"


async def test_a_watch_that_is_dead_fails_the_liveness_probe(
    kube: KubeApi, namespace: str, platform: Stack, tmp_path: Path
) -> None:
    async with muted_operator(platform, kube, tmp_path, inactivity="PT10M") as (proxy, running):
        assert await live(running) == (200, "ok\n")
        proxy.mute_streams()
        await kube.create(namespace, distributor(new_name()))

        async def dead() -> bool:
            return await live(running) == (503, "the watch of distributors is dead\n")

        await until_true(dead, seconds=30)


async def test_a_watch_that_is_silent_is_opened_anew(
    kube: KubeApi, namespace: str, platform: Stack, tmp_path: Path
) -> None:
    async with muted_operator(platform, kube, tmp_path, inactivity="PT2S") as (proxy, running):
        proxy.mute_streams()
        name = new_name()
        await kube.create(namespace, distributor(name))
        await kube.until("Distributor", namespace, name, status="True")

        async def alive() -> bool:
            """The watchdog may have seen what the watch missed, and looks again in a while."""
            return (await live(running))[0] == 200

        await until_true(alive, seconds=30)
