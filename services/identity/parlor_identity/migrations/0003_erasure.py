"""When an account's owner had it erased."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_suspension")]
    initial = False

    operations = [
        ops.AddField(
            model_name="Account",
            name="erased_at",
            field=fields.DatetimeField(null=True),
        ),
        ops.RunSQL(
            sql="ALTER TABLE accounts ADD CONSTRAINT accounts_erased "
            "CHECK (erased_at IS NULL OR status = 'disabled')",
            reverse_sql="ALTER TABLE accounts DROP CONSTRAINT accounts_erased",
        ),
    ]
