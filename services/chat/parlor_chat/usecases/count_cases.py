"""The worker's job: tells the metrics how many cases wait for a decision, and for how long."""

from parlor_kit.database import Database

from parlor_chat import metrics
from parlor_chat.case_models import CaseState

_COUNT = """
SELECT count(*) FILTER (WHERE state = 'open') AS open,
    count(*) FILTER (WHERE state = 'in_review') AS in_review,
    coalesce(extract(epoch FROM now() - min(opened_at)), 0)::float8 AS oldest
FROM cases WHERE state <> 'closed'
"""


class CountCases:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_COUNT)
        for state in (CaseState.OPEN, CaseState.IN_REVIEW):
            metrics.CASES.labels(state.value).set(row[state.value])
        metrics.OLDEST_CASE.set(row["oldest"])
