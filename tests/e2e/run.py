"""`make e2e`: the whole platform on a cluster, from images to its end, proven step by step.

Runs against the current kube context, which needs an ingress controller behind --url. It makes a
namespace of its own, and removes it at the end unless --keep is given or a step failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
from e2e.cluster import CHART, ROOT, Failed, Release, build_images, load_images, run
from e2e.evening import Chat, Game, Load, patiently
from factories.people import Circle, gather, open_conversation, sign_in
from parlor_dev.client import Api, Refused
from parlor_dev.routing import SERVICES

TAG = "0.1.0"
# Of examples/.
_SHOP, _MATTER = "card-shop", "matter-2026-017"
KILLED = [
    *((service, component) for component in ("api", "worker") for service in SERVICES),
    ("game", "bots"),
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make e2e ARGS=", description=__doc__)
    parser.add_argument("--url", default="http://parlor.localhost", help="the ingress's origin")
    parser.add_argument("--namespace", default="parlor-e2e")
    parser.add_argument("--python-image", default="python:3.11-slim", help="base of the images")
    parser.add_argument("--load", help="command that gives images to the nodes, names appended")
    parser.add_argument("--no-build", action="store_true", help="take the images that are there")
    parser.add_argument("--set", action="append", default=[], help="a value of the chart")
    parser.add_argument("--keep", action="store_true", help="leave the release running")
    return parser.parse_args()


class Story:
    """Shows each step while it runs, with its time, and what it found."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Callable[[str], None]]:
        print(f"· {title} ...", flush=True)
        began = time.monotonic()
        facts: list[str] = []
        try:
            yield facts.append
        except TimeoutError as late:
            raise Failed(f"{title}: took too long") from late
        print(f"✓ {title}  {time.monotonic() - began:.1f} s", flush=True)
        for fact in facts:
            print(f"    {fact}", flush=True)

    def total(self) -> float:
        return time.monotonic() - self._began


async def images(options: argparse.Namespace, story: Story) -> None:
    if not options.no_build:
        async with story.step("Build the images") as say:
            for reference, size in (await build_images(options.python_image, TAG)).items():
                say(f"{reference}  {size / 1e6:.0f} MB")
    if options.load:
        async with story.step("Give them to the nodes"):
            await load_images(options.load, TAG)


async def install(release: Release, story: Story, url: str) -> None:
    async with story.step("Make a namespace that takes restricted pods alone"):
        await _no_other_release(release)
        await release.make_namespace()
    async with story.step("Install, until every pod serves") as say:
        await release.install()
        pods = (await release.get("pods"))["items"]
        say(f"{sum(p['status']['phase'] == 'Running' for p in pods)} pods run")
        for pod in pods:
            restarts = sum(c["restartCount"] for c in pod["status"].get("containerStatuses", ()))
            if restarts:
                say(f"{pod['metadata']['name']} was started {restarts} times again")
        say(f"from a container's start to its pod's readiness: {_start_times(pods)}")
    async with story.step(f"{url} answers"), aiohttp.ClientSession() as http:
        api = Api(url, http=http)
        for service in SERVICES:  # an ingress controller takes its time to see what is new
            path = f"/api/v1/{service}/openapi.json"
            await patiently(lambda path=path: api.get(path), also=404)  # type: ignore[misc]
        for path in ("/internal/v1/users/batch", "/livez", "/metrics"):
            try:
                await api.get(path)
            except Refused as refusal:
                if refusal.status == 404:
                    continue
            raise Failed(f"{path} is reached through the ingress")


def _start_times(pods: Sequence[dict[str, Any]]) -> str:
    """The slowest of each component, in whole seconds, as Kubernetes counts them."""
    took: dict[str, int] = {}
    for pod in pods:
        labels = pod["metadata"]["labels"]
        component = labels.get("app.kubernetes.io/component", "")
        started = [
            datetime.fromisoformat(status["state"]["running"]["startedAt"])
            for status in pod["status"].get("containerStatuses", ())
            if "running" in status["state"]
        ]
        ready = [
            datetime.fromisoformat(condition["lastTransitionTime"])
            for condition in pod["status"].get("conditions", ())
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]
        if started and ready:
            seconds = int((ready[0] - max(started)).total_seconds())
            took[component] = max(took.get(component, 0), seconds)
    return ", ".join(f"{component} {seconds} s" for component, seconds in sorted(took.items()))


async def _no_other_release(release: Release) -> None:
    """Definitions belong to one release of a cluster, and two operators would repair each other."""
    for definition in (await release.get("customresourcedefinitions"))["items"]:
        if definition["spec"]["group"] == "parlor.dev":
            notes = definition["metadata"].get("annotations", {})
            owner = notes.get("meta.helm.sh/release-namespace", "nobody's release")
            if owner != release.namespace:
                raise Failed(f"this cluster has Parlor's definitions already, from {owner}")


async def tell_demo(release: Release, story: Story, url: str) -> None:
    async with story.step("The demo, through the ingress") as say:
        password = await release.secret("parlor-identity", "admin-password")
        told = await run(
            *(sys.executable, "-m", "parlor_dev", "demo", "--url", url),
            seconds=300,
            PARLOR_ADMIN_PASSWORD=password,
        )
        say(told.strip().splitlines()[-1])


async def resources(release: Release, circle: Circle, story: Story, api: Api) -> None:
    async with story.step("kubectl apply -f examples/: Ready, and real") as say:
        ann = circle.customers[0]
        text = (ROOT / "examples" / "legalhold.yaml").read_text()
        hold = ROOT / ".cache" / "e2e-legalhold.yaml"
        hold.parent.mkdir(exist_ok=True)
        hold.write_text(text.replace("0192f0c1-2a3b-7c4d-8e5f-60718293a4b5", ann.id))
        await release.kubectl("apply", "-f", "examples/distributor.yaml", "-f", str(hold))
        hold.unlink()
        await release.kubectl(
            *("wait", "--for=condition=Ready", "distributors,legalholds", "--all"),
            *("--timeout=90s",),
            seconds=100,
        )
        made = await release.get("distributor", _SHOP)
        password = await release.secret(made["status"]["secretName"], "password")
        shop = await sign_in(api, made["spec"]["email"], password)
        say(f"distributor {shop.id} signs in with the password of its Secret")
        held = await release.get("legalhold", _MATTER)
        if held["status"]["heldConversations"] < 1:
            raise Failed(f"nothing is held: {held['status']}")
        say((await release.kubectl("get", "dist,lh")).strip().replace("\n", "\n    "))


async def survive(release: Release, circle: Circle, conversation: str, story: Story) -> None:
    async with story.step("Kill every pod of each component during a chat and a game") as say:
        ann, ben = circle.customers
        chat, game = Chat(ann, ben, conversation), Game(ann, ben)
        await chat.open()
        running = [asyncio.create_task(work) for work in (chat.write(), chat.listen(), game.play())]
        killing = asyncio.create_task(_kill_each(release))
        try:
            done, _ = await asyncio.wait({*running, killing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
            chat.stop()
            game.stop()
            async with asyncio.timeout(300):
                await asyncio.gather(*running)
        finally:
            for task in (*running, killing):
                task.cancel()
            await asyncio.gather(*running, killing, return_exceptions=True)
        await chat.check()
        say(f"{killing.result()} pods killed")
        say(f"{len(chat.sent)} messages, each there once and in order; {chat.resumed} resumes")
        say(f"{game.games} games, {game.plays} plays, {game.resumed} resumes, no event missing")


async def _kill_each(release: Release) -> int:
    killed = 0
    for service, component in KILLED:
        names = await release.kill(service, component)
        await release.replaced(service, component, names)
        killed += len(names)
    return killed


async def upgrade(release: Release, circle: Circle, conversation: str, story: Story) -> None:
    async with story.step("Upgrade: every pod is replaced under load") as say:
        ann, ben = circle.customers
        before = {name for s, c in KILLED for name in await release.pods(s, c)}
        load = Load(ann, ben, conversation)
        running = asyncio.create_task(load.run())
        try:
            await release.install("--set", "logLevel=WARNING")
        finally:
            load.stop()
        await running
        left = {name for s, c in KILLED for name in await release.pods(s, c)} & before
        if left:
            raise Failed(f"not replaced: {', '.join(sorted(left))}")
        if load.lost:
            raise Failed(f"{len(load.lost)} requests lost, as {load.lost[0]}")
        say(f"{load.answered} requests answered, none lost")


async def go_and_come_back(
    release: Release, circle: Circle, conversation: str, story: Story, url: str
) -> None:
    path = f"/api/v1/conversations/{conversation}/messages?limit=200"
    ben = circle.customers[1]
    async with story.step("Uninstall: definitions, resources, Secrets and data stay") as say:
        before = (await ben.api.get(path))["items"]
        account = (await release.get("distributor", _SHOP))["status"]["accountId"]
        hold = (await release.get("legalhold", _MATTER))["status"]["holdId"]
        standing = await _standing_holds(release)
        if hold not in standing:
            raise Failed(f"hold {hold} is not among those that stand: {standing}")
        await release.uninstall()
        ours = "app.kubernetes.io/component in (api, worker, bots, migrate, operator, broker, job)"
        await release.kubectl(
            *("wait", "pod", "--for=delete", f"--selector={ours}", "--timeout=90s"), seconds=100
        )
        await release.get("pod", "postgresql-0")
        left = await _standing_holds(release)
        if left != standing:
            raise Failed(f"of the holds {standing} in chat's database {left} stand")
        await release.get("legalhold", _MATTER)
        say(f"the same {len(left)} holds stand in chat's database")
    async with story.step("Install again: everything is as it was") as say:
        await release.install()
        async with aiohttp.ClientSession() as http:
            again = await patiently(lambda: sign_in(Api(url, http=http), ben.email, ben.password))
            if (await patiently(lambda: again.api.get(path)))["items"] != before:
                raise Failed("the messages are not those of before")
        shop = await _changed(release, "distributor", _SHOP, displayName="The Shop of Cards")
        matter = await _changed(release, "legalhold", _MATTER, reason="The order was prolonged")
        if (shop["accountId"], matter["holdId"]) != (account, hold):
            raise Failed("the resources have another account or another hold than before")
        if await _standing_holds(release) != standing:
            raise Failed("not the same holds stand as before")
        say(f"the last {len(before)} messages, the account and the hold are the same;")
        say("both resources follow a change")


async def _standing_holds(release: Release) -> list[str]:
    held = await release.kubectl(
        *("exec", "postgresql-0", "--", "psql", "-U", "postgres", "-d", "chat", "-tAc"),
        "SELECT id FROM holds WHERE released_at IS NULL ORDER BY id",
    )
    return held.split()


async def _changed(release: Release, kind: str, name: str, **spec: str) -> dict[str, Any]:
    """Change a resource; its status once the operator says that this very spec is true.

    A Ready that an operator of before has left says nothing of the one that runs now.
    """
    patch = json.dumps({"spec": spec})
    await release.kubectl("patch", kind, name, "--type=merge", f"--patch={patch}")
    async with asyncio.timeout(120):
        while True:
            found = await release.get(kind, name)
            generation, status = found["metadata"]["generation"], found["status"]
            (ready,) = [each for each in status["conditions"] if each["type"] == "Ready"]
            if ready["observedGeneration"] == generation and ready["status"] == "True":
                return dict(status)
            await asyncio.sleep(0.5)


async def clean(release: Release, story: Story) -> None:
    async with story.step("Clean up: resources first, as long as the operator runs"):
        await release.kubectl("delete", "dist,lh", "--all", "--timeout=90s", seconds=100)
        await release.uninstall()
        await run("kubectl", "delete", "namespace", release.namespace, seconds=180)
        await run("kubectl", "delete", "--filename", "crds", "--timeout=60s")


async def main() -> int:
    options = arguments()
    values = ["--values", str(CHART / "values-dev.yaml")]
    for each in ("services.chat.api.replicas=2", "services.game.api.replicas=2", *options.set):
        values += ["--set", each]
    release, story = Release(options.namespace, values), Story()
    try:
        await images(options, story)
        await install(release, story, options.url)
        await tell_demo(release, story, options.url)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            api = Api(options.url, http=http)
            email = await release.secret("parlor-identity", "admin-email")
            password = await release.secret("parlor-identity", "admin-password")
            circle = await gather(api, email, password)
            conversation = await open_conversation(*circle.customers)
            await resources(release, circle, story, api)
            async with story.step("helm test: credentials, and a stranger") as say:
                for line in (await release.test()).splitlines():
                    if line.startswith(("ok  ", "FAIL")) and "check-pods" not in line:
                        say(line)
            await survive(release, circle, conversation, story)
            await upgrade(release, circle, conversation, story)
            await go_and_come_back(release, circle, conversation, story, options.url)
        if not options.keep:
            await clean(release, story)
    except (Failed, Refused, TimeoutError, AssertionError, aiohttp.ClientError) as fault:
        print(f"✗ {fault!r}" if str(fault) == "" else f"✗ {fault}", flush=True)
        await _show(release)
        return 1
    print(f"Everything held · {story.total():.0f} s")
    return 0


async def _show(release: Release) -> None:
    """What somebody who reads the log wants to see of a failure."""
    looks: list[Awaitable[str]] = [
        release.kubectl("get", "pods", "--output=wide"),
        release.kubectl("get", "events", "--sort-by=.lastTimestamp"),
    ]
    for look in looks:
        try:
            print("\n".join((await look).splitlines()[-40:]), flush=True)
        except Failed as fault:
            print(fault, flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
