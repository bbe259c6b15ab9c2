"""Asks chat for exports, builds them as the worker does, and opens what comes out."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from factories.identity_stand_in import User
from factories.running_api import Reply, RunningApi
from parlor_chat.signing import Signer
from parlor_chat.usecases.build_exports import BuildExports
from parlor_chat.usecases.evidence_keys import EvidenceKeys
from parlor_kit.database import Database

EXPORTS = "/api/v1/admin/exports"


@dataclass
class Opened:
    """An export as somebody who downloaded it sees it."""

    content: bytes
    archive: zipfile.ZipFile

    def lines(self, conversation_id: UUID) -> list[dict[str, Any]]:
        content = self.archive.read(f"conversations/{conversation_id}/messages.jsonl")
        return [json.loads(line) for line in content.splitlines()]

    def json(self, path: str) -> Any:
        return json.loads(self.archive.read(path))


@dataclass
class ExportDesk:
    """See the module."""

    served: RunningApi
    admin: User
    moderator: User
    database: Database
    signer: Signer

    async def ask(self, user: User | None = None, key: str | None = None, **body: Any) -> Reply:
        return await self.served.public.call(
            "POST",
            EXPORTS,
            headers=(user or self.admin).authorization,
            key=key,
            json={"reason": "a court asks"} | body,
        )

    async def get(self, path: str = "", user: User | None = None) -> Reply:
        return await self.served.public.call(
            "GET", f"{EXPORTS}{path}", headers=(user or self.admin).authorization
        )

    def builder(self, **options: Any) -> BuildExports:
        keys = EvidenceKeys(self.database, self.signer)
        return BuildExports(
            self.database,
            self.signer,
            timedelta(days=7),
            before_signing=keys.introduce,
            **options,
        )

    async def export(self, **body: Any) -> Opened:
        """An export that was asked for, built and downloaded by the admin."""
        asked = await self.ask(**body)
        assert asked.status == 201, asked.body
        await self.builder()()
        return await self.download(asked.body["id"])

    async def download(self, export_id: str) -> Opened:
        reply = await self.get(f"/{export_id}/download")
        assert reply.status == 200, reply.body
        archive = zipfile.ZipFile(io.BytesIO(reply.body))
        assert archive.testzip() is None
        return Opened(reply.body, archive)
