"""How long the messages of a conversation are kept, asked at the moment of the question.

A policy of the conversation comes before those of the distributors on whom it ever rested (of
several, the longest), and those before the one for everybody; where there is none, the settings
decide. The periods that the order of a run names can only lengthen what a policy says. Legal holds
are above all of it and are asked about elsewhere (`hold_coverage`).
"""

# Columns id, archive_before, expire_before; `{conversations}` gives rows of column id. $1 is the
# run's moment, $2 and $3 what the settings or the order make of it, $4 whether it is an order.
CUTOFFS = """
SELECT asked.id,
    least(
        coalesce($1::timestamptz - period.archive_after, $2::timestamptz),
        CASE WHEN $4::boolean THEN $2 END
    ) AS archive_before,
    least(
        coalesce($1 - period.expire_after, $3::timestamptz),
        CASE WHEN $4 THEN $3 END
    ) AS expire_before
FROM ({conversations}) AS asked
CROSS JOIN LATERAL (
    SELECT
        coalesce(own.archive_after, theirs.archive_after, everybodys.archive_after)
            AS archive_after,
        coalesce(own.expire_after, theirs.expire_after, everybodys.expire_after) AS expire_after
    FROM (SELECT) AS one
    LEFT JOIN LATERAL (
        SELECT archive_after, expire_after FROM retention_policies
        WHERE conversation_id = asked.id LIMIT 1
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT max(policy.archive_after) AS archive_after, max(policy.expire_after) AS expire_after
        FROM (
            SELECT distributor_id FROM conversation_distributors
            WHERE conversation_id = asked.id OFFSET 0
        ) AS rested
        CROSS JOIN LATERAL (
            SELECT archive_after, expire_after FROM retention_policies
            WHERE distributor_id = rested.distributor_id OFFSET 0
        ) AS policy
    ) AS theirs ON true
    LEFT JOIN LATERAL (
        SELECT archive_after, expire_after FROM retention_policies
        WHERE scope = 'global' LIMIT 1
    ) AS everybodys ON true
) AS period
"""

# No conversation is archived or expires sooner than this; the parameters are those of CUTOFFS.
LATEST_CUTOFFS = """
SELECT
    greatest(max($1::timestamptz - archive_after), $2::timestamptz) AS archive_before,
    greatest(max($1 - expire_after), $3::timestamptz) AS expire_before
FROM retention_policies WHERE NOT $4::boolean
"""
