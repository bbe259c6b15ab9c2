"""Login: its rate against the bare rate of the password hash on the same cores."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from crowd import gather_guests
from parlor_dev.client import Api
from parlor_dev.stack import Stack
from report import Figure


def bare_rate(seconds: float) -> float:
    """Verifications a second of argon2id with OWASP's parameters, a thread a core."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's
    hashed = hasher.hash("correct horse battery")
    deadline = time.perf_counter() + seconds

    def work() -> int:
        count = 0
        while time.perf_counter() < deadline:
            hasher.verify(hashed, "correct horse battery")
            count += 1
        return count

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        return sum(pool.map(lambda _: work(), range(cores))) / seconds


async def login_rate(stack: Stack, api: Api, seconds: float) -> list[Figure]:
    """Logins a second through HTTP, interleaved with the bare rate; the medians' ratio."""
    guests = await gather_guests(stack, api, 8)
    origin = Api(stack.public_urls("identity")[0], http=api.http)
    bare, served = [], []
    for _ in range(3):
        bare.append(await asyncio.to_thread(bare_rate, seconds))
        deadline = time.perf_counter() + seconds
        count = 0

        async def work(email: str, password: str, until: float = deadline) -> None:
            nonlocal count
            while time.perf_counter() < until:
                await origin.login(email, password)
                count += 1

        await asyncio.gather(*(work(guest.email, guest.password) for guest in guests))
        served.append(count / seconds)
    base, got = sorted(bare)[1], sorted(served)[1]
    return [
        Figure("identity: bare argon2id verifications", f"{base:.0f}/s"),
        Figure(
            "identity: logins",
            f"{got:.0f}/s = {got / base:.0%} of bare",
            "≥ 90 %",
            got / base >= 0.9,
        ),
    ]
