from tortoise import migrations
from tortoise.migrations import operations as ops
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Account',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('version', fields.BigIntField()),
                ('disabled', fields.BooleanField()),
            ],
            options={'table': 'accounts', 'app': 'chat', 'pk_attr': 'id', 'table_description': "What identity's events last said of an account: whether it is disabled."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Conversation',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('kind', fields.TextField(unique=False)),
                ('title', fields.TextField(null=True, unique=False)),
                ('direct_key', fields.CharField(null=True, unique=True, max_length=73)),
                ('participants_key', fields.TextField(unique=False)),
                ('epoch', fields.TextField(unique=False)),
                ('last_seq', fields.BigIntField(default=0)),
                ('event_seq', fields.BigIntField(default=0)),
                ('status', fields.TextField(default='open', unique=False)),
                ('closed_reason', fields.TextField(null=True, unique=False)),
                ('created_by', fields.UUIDField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'conversations', 'app': 'chat', 'indexes': [Index(fields=['participants_key', 'created_at'])], 'pk_attr': 'id', 'table_description': 'A stream of messages and receipts among fixed participants.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Ground',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('conversation_id', fields.UUIDField()),
                ('distributor_id', fields.UUIDField()),
            ],
            options={'table': 'grounds', 'app': 'chat', 'unique_together': (('conversation_id', 'distributor_id'),), 'indexes': [Index(fields=['distributor_id', 'conversation_id'])], 'pk_attr': 'id', 'table_description': 'A distributor on whom the entitlement of a conversation rested when it was last asked for.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Participant',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('conversation_id', fields.UUIDField()),
                ('user_id', fields.UUIDField()),
                ('joined_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'participants', 'app': 'chat', 'unique_together': (('conversation_id', 'user_id'),), 'indexes': [Index(fields=['user_id', 'conversation_id'])], 'pk_attr': 'id', 'table_description': 'A person in a conversation, from its creation on.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Recheck',
            fields=[
                ('conversation_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('due_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('attempts_left', fields.IntField()),
            ],
            options={'table': 'rechecks', 'app': 'chat', 'pk_attr': 'conversation_id', 'table_description': 'A conversation whose entitlement is asked for again at `due_at`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SocketTicket',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('token_digest', fields.CharField(unique=True, max_length=64)),
                ('conversation_id', fields.UUIDField()),
                ('user_id', fields.UUIDField()),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'socket_tickets', 'app': 'chat', 'pk_attr': 'id', 'table_description': 'Lets its user open one socket on its conversation, once, within a minute.'},
            bases=['Model'],
        ),
    ]
