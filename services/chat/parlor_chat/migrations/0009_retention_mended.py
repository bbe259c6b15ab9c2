"""Cases by conversation, which erasure goes by; and no drafts of months any more.

A month is listed and dropped in one transaction now, which writes the manifest itself.
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

_CASES = """
CREATE INDEX cases_by_conversation ON cases (conversation_id);
DROP TABLE archive_expiry_drafts;
"""

_BEFORE = """
CREATE TABLE archive_expiry_drafts (
    run_id uuid NOT NULL,
    number integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, number)
);
ALTER TABLE archive_expiry_drafts ALTER COLUMN content SET STORAGE EXTERNAL;
DROP INDEX cases_by_conversation;
"""


class Migration(migrations.Migration):
    dependencies = [("chat", "0008_retention_runs")]
    initial = False

    operations = [ops.RunSQL(_CASES, _BEFORE)]
