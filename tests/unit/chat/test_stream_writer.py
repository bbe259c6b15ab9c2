"""Batches with a key in common go in rounds, and a failed round fails nobody else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from parlor_chat.adapters.stream_writer import in_rounds, keys_of_message, keys_of_receipt
from parlor_chat.ports import Draft, ReceiptDraft
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.ids import UUID, new_id

ROOM, ANN, BEN = new_id(), new_id(), new_id()


def draft(sender: UUID, client: str | None = None, key: str | None = None) -> Draft:
    return Draft(new_id(), ROOM, sender, "x", client, key, None, "r", "t")


class Appending:
    """Remembers the rounds; fails from round `fails_at` on."""

    def __init__(self, fails_at: int = 99) -> None:
        self.rounds: list[list[Draft]] = []
        self._fails_at = fails_at

    async def __call__(self, drafts: Sequence[Draft]) -> Sequence[UUID | Exception]:
        if len(self.rounds) >= self._fails_at:
            raise DependencyUnavailable()
        self.rounds.append(list(drafts))
        return [one.id for one in drafts]


async def test_a_batch_without_shared_keys_is_one_round_in_order() -> None:
    append = Appending()
    batch = [draft(ANN), draft(ANN, "1"), draft(BEN, "1"), draft(ANN, "2", "1"), draft(ANN)]
    assert await in_rounds(batch, keys_of_message, append) == [one.id for one in batch]
    assert append.rounds == [batch]


async def test_drafts_that_share_a_key_are_kept_apart_and_answered_in_place() -> None:
    append = Appending()
    batch = [draft(ANN, "1", "k"), draft(ANN, "1"), draft(ANN, None, "k"), draft(ANN, "1", "k")]
    assert await in_rounds(batch, keys_of_message, append) == [one.id for one in batch]
    assert append.rounds == [batch[:1], batch[1:3], batch[3:]]


async def test_a_later_round_that_fails_leaves_the_durable_ones_alone() -> None:
    batch = [draft(ANN, "1"), draft(ANN, "1"), draft(BEN)]
    answers = await in_rounds(batch, keys_of_message, Appending(fails_at=1))
    assert [answers[0], answers[2]] == [batch[0].id, batch[2].id]
    assert isinstance(answers[1], DependencyUnavailable)
    with pytest.raises(DependencyUnavailable):
        await in_rounds(batch, keys_of_message, Appending(fails_at=0))


def test_delivered_and_read_of_one_message_by_one_reader_share_a_key() -> None:
    message_id = new_id()
    delivered = ReceiptDraft(message_id, ANN, False, "r", "t")
    read = ReceiptDraft(message_id, ANN, True, "r", "t")
    other = ReceiptDraft(message_id, BEN, True, "r", "t")
    assert keys_of_receipt(delivered) == keys_of_receipt(read) != keys_of_receipt(other)
