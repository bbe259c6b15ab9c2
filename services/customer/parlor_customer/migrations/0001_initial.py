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
                ('email', fields.TextField(unique=False)),
                ('display_name', fields.TextField(unique=False)),
                ('role', fields.TextField(unique=False)),
                ('status', fields.TextField(unique=False)),
                ('version', fields.BigIntField()),
            ],
            options={'table': 'accounts', 'app': 'customer', 'pk_attr': 'id', 'table_description': "A projection of identity's account; a row is replaced only by a later version of it."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Invite',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('distributor_id', fields.UUIDField()),
                ('token_hash', fields.BinaryField()),
                ('email', fields.TextField(null=True, unique=False)),
                ('note', fields.TextField(null=True, unique=False)),
                ('max_uses', fields.IntField()),
                ('uses', fields.IntField(default=0)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'invites', 'app': 'customer', 'indexes': [Index(fields=['distributor_id', 'id'])], 'pk_attr': 'id', 'table_description': "A distributor's offer, redeemable by whoever holds its token and fits its terms."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Relationship',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('distributor_id', fields.UUIDField()),
                ('customer_id', fields.UUIDField()),
                ('invite_id', fields.UUIDField()),
                ('since', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_by', fields.UUIDField(null=True)),
            ],
            options={'table': 'relationships', 'app': 'customer', 'unique_together': (('invite_id', 'customer_id'),), 'indexes': [Index(fields=['customer_id', 'id']), Index(fields=['distributor_id', 'id'])], 'pk_attr': 'id', 'table_description': 'A customer of a distributor, from a redeemed invite until one of the two ends it.'},
            bases=['Model'],
        ),
        ops.RunSQL(
            sql="""
            CREATE UNIQUE INDEX invites_token_hash ON invites (token_hash);
            ALTER TABLE invites
                ADD CONSTRAINT invites_uses CHECK (0 <= uses AND uses <= max_uses);
            CREATE UNIQUE INDEX relationships_one_active
                ON relationships (distributor_id, customer_id) WHERE ended_at IS NULL;
            CREATE INDEX relationships_active_of_customer
                ON relationships (customer_id, distributor_id) WHERE ended_at IS NULL;
            CREATE INDEX relationships_of_pair ON relationships (distributor_id, customer_id, id);
            ALTER TABLE relationships
                ADD CONSTRAINT relationships_invite FOREIGN KEY (invite_id) REFERENCES invites (id);
            """,
            reverse_sql="""
            ALTER TABLE relationships DROP CONSTRAINT relationships_invite;
            DROP INDEX relationships_of_pair;
            DROP INDEX relationships_active_of_customer;
            DROP INDEX relationships_one_active;
            ALTER TABLE invites DROP CONSTRAINT invites_uses;
            DROP INDEX invites_token_hash;
            """,
        ),
    ]
