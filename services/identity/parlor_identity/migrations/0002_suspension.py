"""The case for which moderators had an account disabled."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial")]
    initial = False

    operations = [
        ops.AddField(
            model_name="Account",
            name="suspended_for",
            field=fields.UUIDField(null=True),
        ),
    ]
