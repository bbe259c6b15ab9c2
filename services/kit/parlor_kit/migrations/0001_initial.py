from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='IdempotencyRecord',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('scope', fields.TextField(unique=False)),
                ('key', fields.TextField(unique=False)),
                ('digest', fields.BinaryField()),
                ('object_id', fields.UUIDField(null=True, db_index=True)),
                ('status', fields.IntField(null=True)),
                ('answer', fields.BinaryField(null=True)),
                ('sealed', fields.BooleanField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'idempotency_records', 'app': 'kit', 'unique_together': (('scope', 'key'),), 'pk_attr': 'id', 'table_description': 'The first answer to a POST that created something, kept as long as the object exists.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Inbox',
            fields=[
                ('event_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('topic', fields.TextField(unique=False)),
                ('applied_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'inbox', 'app': 'kit', 'pk_attr': 'event_id', 'table_description': 'An event that a consumer of this service has applied, written in the same transaction.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Outbox',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('event_id', fields.UUIDField(unique=True)),
                ('topic', fields.TextField(unique=False)),
                ('key', fields.TextField(unique=False)),
                ('type', fields.TextField(unique=False)),
                ('data', fields.TextField(unique=False)),
                ('time', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('request_id', fields.TextField(null=True, unique=False)),
                ('traceparent', fields.TextField(null=True, unique=False)),
                ('error', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'outbox', 'app': 'kit', 'pk_attr': 'id', 'table_description': 'An event that its transaction committed and the broker has not yet taken. Then it is gone.'},
            bases=['Model'],
        ),
    ]
