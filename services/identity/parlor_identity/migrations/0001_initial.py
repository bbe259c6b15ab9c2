from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from uuid import uuid4
from tortoise import fields

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Account',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('email', fields.CharField(unique=True, max_length=254)),
                ('display_name', fields.TextField(unique=False)),
                ('role', fields.TextField(unique=False)),
                ('status', fields.TextField(unique=False)),
                ('managed_by', fields.TextField(unique=False)),
                ('resource_uid', fields.CharField(null=True, unique=True, max_length=128)),
                ('password_hash', fields.TextField(unique=False)),
                ('password_changed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('first_login_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'accounts', 'app': 'identity', 'pk_attr': 'id', 'table_description': 'Somebody who can log in. `version` counts the changes that events tell of.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='KnownAddress',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('identity.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='addresses', on_delete=OnDelete.CASCADE)),
                ('address', fields.CharField(max_length=64)),
                ('last_seen_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'known_addresses', 'app': 'identity', 'unique_together': (('account', 'address'),), 'pk_attr': 'id', 'table_description': 'An address from which the owner of an account has logged in.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LoginSession',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('identity.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='sessions', on_delete=OnDelete.CASCADE)),
                ('user_agent', fields.TextField(unique=False)),
                ('address', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ended_for', fields.TextField(null=True, unique=False)),
            ],
            options={'table': 'sessions', 'app': 'identity', 'pk_attr': 'id', 'table_description': 'One login and what descends from it: a family of refresh tokens.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LoginThrottle',
            fields=[
                ('key', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('failures', fields.IntField()),
                ('failed_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('blocked_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'login_throttles', 'app': 'identity', 'pk_attr': 'key', 'table_description': 'Failed logins of an account, an address, or the two together; see `throttling`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RefreshToken',
            fields=[
                ('hash', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('session', fields.ForeignKeyField('identity.LoginSession', source_field='session_id', db_constraint=True, to_field='id', related_name='tokens', on_delete=OnDelete.CASCADE)),
                ('issued_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'refresh_tokens', 'app': 'identity', 'pk_attr': 'hash', 'table_description': 'A refresh token that was issued; used ones stay so that their reuse is recognised.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SigningKey',
            fields=[
                ('kid', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ('public_jwk', fields.TextField(unique=False)),
                ('private_sealed', fields.BinaryField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('signs_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'signing_keys', 'app': 'identity', 'pk_attr': 'kid', 'table_description': 'An EdDSA key. It is published from its first moment and signs from `signs_from` on.'},
            bases=['Model'],
        ),
        ops.RunSQL(
            sql="""
            ALTER TABLE accounts
                ADD CONSTRAINT accounts_role
                    CHECK (role IN ('admin', 'moderator', 'distributor', 'customer')),
                ADD CONSTRAINT accounts_status CHECK (status IN ('active', 'disabled')),
                ADD CONSTRAINT accounts_managed_by CHECK (managed_by IN ('api', 'operator')),
                ADD CONSTRAINT accounts_resource
                    CHECK (managed_by = 'api' OR resource_uid IS NOT NULL);
            CREATE INDEX accounts_by_role ON accounts (role, id);
            ALTER TABLE sessions
                ADD CONSTRAINT sessions_ended CHECK ((ended_at IS NULL) = (ended_for IS NULL));
            CREATE INDEX sessions_of_account ON sessions (account_id, id) WHERE ended_at IS NULL;
            CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;
            CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
            """,
            reverse_sql="""
            DROP INDEX refresh_tokens_of_session;
            DROP INDEX sessions_ended_at;
            DROP INDEX sessions_of_account;
            ALTER TABLE sessions DROP CONSTRAINT sessions_ended;
            DROP INDEX accounts_by_role;
            ALTER TABLE accounts
                DROP CONSTRAINT accounts_resource,
                DROP CONSTRAINT accounts_managed_by,
                DROP CONSTRAINT accounts_status,
                DROP CONSTRAINT accounts_role;
            """,
        ),
    ]
