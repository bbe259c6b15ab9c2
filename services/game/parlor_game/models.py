"""The tables of the game service: what migrations are made from.

Use cases that run often speak SQL to them directly, since each round trip counts there. Three
tables are made in the migration alone, since their keys have several columns: `game_moves`
(game_id, number), the append-only log that a table is rebuilt from; `game_events` (game_id, seq),
what the sockets stream, the private part of each seat apart; and `play_keys` (game_id, user_id,
key), which plays came with an Idempotency-Key. Plays are committed by the SQL function
`commit_plays`, presence by `settle_presence`, also made there.
"""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class Invite(Model):
    """An invitation to one game; `expired` may lag behind `expires_at`, which decides.

    `server_seed` is the secret behind the commitment that everybody invited sees, `seed` the
    inviter's own word ("" for none); the database fills both in where a replica gives none.
    `bot_ids` are the practice partners that were asked for, null for none.
    """

    id = fields.UUIDField(primary_key=True)
    game = fields.TextField()
    options = fields.TextField()
    inviter_id = fields.UUIDField()
    status = fields.TextField()
    server_seed = fields.BinaryField(null=True)
    seed = fields.TextField(null=True)
    bot_ids = ArrayField("uuid", null=True)
    game_id = fields.UUIDField(null=True)
    expires_at = fields.DatetimeField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "invites"
        indexes = (("inviter_id", "id"),)


class Invitee(Model):
    """One invited player, in the order in which the inviter named them."""

    id = fields.BigIntField(primary_key=True, generated=True)
    invite_id = fields.UUIDField()
    position = fields.SmallIntField()
    user_id = fields.UUIDField()
    status = fields.TextField()
    seed = fields.TextField(null=True)
    answered_at = fields.DatetimeField(null=True)

    class Meta:
        table = "invitees"
        unique_together = (("invite_id", "user_id"),)
        indexes = (("user_id", "invite_id"),)


class Game(Model):
    """A table: where its stream and its log stand.

    `seed` is made of `server_seed`, secret until the end, when the proof tells it, and of the
    players' `seeds` (a JSON list by seat). `head` is the hash chain's, after move `head_number`;
    games that were dealt before there was a chain have none of these but `seed`.
    """

    id = fields.UUIDField(primary_key=True)
    invite_id = fields.UUIDField(unique=True)
    game = fields.TextField()
    options = fields.TextField()
    seats = fields.SmallIntField()
    seed = fields.BinaryField()
    server_seed = fields.BinaryField(null=True)
    seeds = fields.TextField(null=True)
    head = fields.BinaryField(null=True)
    head_number = fields.IntField(null=True)
    bot_ids = ArrayField("uuid", null=True)  # of the players, null for none
    status = fields.TextField()
    epoch = fields.TextField()
    seq = fields.BigIntField()
    move_seq = fields.BigIntField()  # the stream's seq after the last move
    move_count = fields.IntField()
    turn_user_id = fields.UUIDField(null=True)
    turn_ms = fields.BigIntField(null=True)  # for each move, or how long it may lie idle
    deadline = fields.DatetimeField(null=True)  # the clock's, while the game is active
    alarm_at = fields.DatetimeField(null=True)  # no later: when a ticker looks
    unattended = fields.IntField(null=True)  # moves in a row that no player made
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    winner_ids = fields.TextField(null=True)

    class Meta:
        table = "games"


class Player(Model):
    """A seat; score and rank are set when the game ends.

    `distributor_ids` are those in whose leaderboards the end of the game counts for this player.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    game_id = fields.UUIDField()
    seat = fields.SmallIntField()
    user_id = fields.UUIDField()
    connected = fields.BooleanField(default=False)
    reserve_ms = fields.IntField(null=True)
    reconnect_by = fields.DatetimeField(null=True)  # for how long the seat of one who left is kept
    score = fields.IntField(null=True)
    rank = fields.SmallIntField(null=True)
    distributor_ids = ArrayField("uuid", null=True)

    class Meta:
        table = "game_players"
        unique_together = (("game_id", "seat"), ("user_id", "game_id"))


class Replica(Model):
    """An api process that holds connections, for as long as its lease is renewed."""

    id = fields.UUIDField(primary_key=True)
    leased_until = fields.DatetimeField()

    class Meta:
        table = "game_replicas"


class Connection(Model):
    """A live socket of a player on some replica."""

    id = fields.UUIDField(primary_key=True)
    game_id = fields.UUIDField()
    user_id = fields.UUIDField()
    replica_id = fields.UUIDField(db_index=True)

    class Meta:
        table = "game_connections"
        indexes = (("game_id", "user_id"),)


class ReconnectToken(Model):
    """A single-use ticket to the socket of one game, for one player; only its hash is kept."""

    token_hash = fields.CharField(max_length=64, primary_key=True)
    game_id = fields.UUIDField()
    user_id = fields.UUIDField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "reconnect_tokens"


class SpectatorToken(Model):
    """A right to watch one game, which a player may hand out; only its hash is kept."""

    token_hash = fields.CharField(max_length=64, primary_key=True)
    game_id = fields.UUIDField()
    issued_by = fields.UUIDField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "spectator_tokens"


class WatchTicket(Model):
    """Lets a spectator open one socket on one game, once, within a minute; only its hash is kept.

    The socket lasts for as long as the token that the ticket was got with.
    """

    token_hash = fields.CharField(max_length=64, primary_key=True)
    game_id = fields.UUIDField()
    expires_at = fields.DatetimeField(db_index=True)
    watches_until = fields.DatetimeField()

    class Meta:
        table = "watch_tickets"


class DisabledAccount(Model):
    """What identity last said of an account that is or was disabled."""

    user_id = fields.UUIDField(primary_key=True)
    version = fields.BigIntField()
    disabled = fields.BooleanField()

    class Meta:
        table = "disabled_accounts"
