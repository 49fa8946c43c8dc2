"""The broker's configuration: storage, durability, and one user a process with the subjects it needs.

`sync_interval: always` is not for tuning: the default syncs every two minutes, and a power cut would lose
messages that were acknowledged to a meter's push (ADR 3).

Beside the obvious ones the rights follow one rule. What the server delivers or answers, it writes itself, to
a subject that the user names and no right bounds (a consumer's delivery subject, a request's reply). A user
that can have the server return bytes that it wrote could so write them anywhere, as readings for instance.
Therefore durable consumers are created by the admin; a head end creates consumers only on the buckets
`devices` and `types`, which it cannot fill; and the pipeline may get no value of a bucket that it fills.
Acknowledgements remain, which are JSON of the server's own: a head end's own state is sealed against them
(`urja.headend.sealed_state`). A head end can have its own bytes written anywhere; what that gives it is
signed, sealed, or its own to report anyway.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, assert_never

from urja.stream import subjects as names
from urja.stream.subjects import StreamSizes, User

_OVERHEAD: Final = 64 << 20
"""Bytes on disk for the consumers' own state, beside the streams' bounds."""
_MEMORY: Final = 16 << 20
"""Bytes in memory for the consumers' own state."""

MAX_PAYLOAD: Final = 1 << 20
"""Bytes of the largest message; batches are cut well below it."""


def inbox_prefix(user: User) -> str:
    """Return the prefix of a user's reply subjects, to which no other user may listen."""
    return f"_INBOX_{user}"


def _consumes(stream: str, durable: str) -> list[str]:
    return [
        # `Broker.consume` asks whether the durable exists, `Consumer.backlog` how far behind it is.
        f"$JS.API.CONSUMER.INFO.{stream}.{durable}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
        f"$JS.ACK.{stream}.{durable}.>",
    ]


def _gets(bucket: str) -> list[str]:
    return [f"$JS.API.DIRECT.GET.KV_{bucket}.>"]


def _follows(bucket: str) -> list[str]:
    return [
        f"$JS.API.CONSUMER.CREATE.KV_{bucket}.>",
        f"$JS.API.CONSUMER.DELETE.KV_{bucket}.*",
        f"$JS.API.CONSUMER.MSG.NEXT.KV_{bucket}.*",
    ]


def _publish_rights(user: User) -> list[str]:
    match user:
        case User.ADMIN:
            return [">"]
        case User.HEADEND:
            return [
                "urja.readings.*.*",
                "urja.outcomes.*",
                "urja.progress.*",
                "urja.quarantine.>",
                *(f"$JS.API.STREAM.INFO.{stream}" for stream in names.QUARANTINE.values()),
                *_consumes(names.REQUESTS, names.SESSIONS),
                *_consumes(names.COMMANDS, names.CARRY),
                *_follows(names.DEVICES),
                *_follows(names.TYPES),
                f"$JS.API.STREAM.INFO.KV_{names.DEVICES}",
                f"$KV.{names.WINDOWS}.*",
                f"$KV.{names.COUNTERS}.*",
                f"$KV.{names.ORDERS}.*",
                f"$KV.{names.LEASES}.*",
                f"$KV.{names.HELD}.*",
                f"$KV.{names.CONTENTS}.*",
                # Its own state, which it reads back after a restart; sealed, for the reason in the module's
                # text.
                *_gets(names.WINDOWS),
                *_gets(names.COUNTERS),
                *_gets(names.ORDERS),
                *_gets(names.LEASES),
                *_gets(names.RELEASES),
            ]
        case User.PIPELINE:
            return [
                "urja.requests.*",
                "urja.commands.*",
                f"urja.quarantine.message.{names.POISON}",
                *(f"$JS.API.STREAM.INFO.{stream}" for stream in names.QUARANTINE.values()),
                *_consumes(names.READINGS, "*"),
                *_consumes(names.OUTCOMES, "*"),
                *_consumes(names.PROGRESS, "*"),
                f"$KV.{names.DEVICES}.*",
                f"$JS.API.STREAM.INFO.KV_{names.DEVICES}",
                f"$KV.{names.TYPES}.*",
                f"$KV.{names.RELEASES}.*",
                # Only buckets that head ends fill: see the module's text.
                *_gets(names.HELD),
                f"$JS.API.STREAM.INFO.KV_{names.HELD}",
                *_gets(names.CONTENTS),
                f"$JS.API.STREAM.INFO.KV_{names.CONTENTS}",
                f"$JS.API.STREAM.INFO.{names.READINGS}",
            ]
        case _:
            assert_never(user)


def _subscribe_rights(user: User) -> list[str]:
    match user:
        case User.ADMIN:
            return [">"]
        case User.HEADEND:
            return [f"{inbox_prefix(user)}.>", names.REPLAY]
        case User.PIPELINE:
            return [f"{inbox_prefix(user)}.>"]
        case _:
            assert_never(user)


def _user_block(user: User, password: str) -> str:
    quoted = json.dumps
    # The head end answers replayed frames on the operator's reply subject, once each and within a minute.
    responses = '\n        allow_responses: { max: 1, expires: "1m" }' if user is User.HEADEND else ""
    return f"""    {{
      user: {quoted(user.value)}
      password: {quoted(password)}
      permissions: {{
        publish: {{ allow: {quoted(_publish_rights(user))} }}
        subscribe: {{ allow: {quoted(_subscribe_rights(user))} }}{responses}
      }}
    }}"""


def server_config(
    *,
    port: int,
    store_dir: Path,
    passwords: Mapping[User, str],
    host: str = "127.0.0.1",
    sizes: StreamSizes | None = None,
    monitor_port: int | None = None,
) -> str:
    """Return the text of a configuration file for `nats-server -c`.

    It holds passwords: store it at mode 0600. Raises ValueError where a user has no password.
    """
    missing = [user.value for user in User if not passwords.get(user)]
    if missing:
        raise ValueError(f"no password for {', '.join(missing)}: give one for each user")
    bounds = sizes or StreamSizes()
    users = "\n".join(_user_block(user, passwords[user]) for user in User)
    monitor = f"http: {json.dumps(f'{host}:{monitor_port}')}\n" if monitor_port is not None else ""
    return f"""\
listen: {json.dumps(f"{host}:{port}")}
server_name: urja
max_payload: {MAX_PAYLOAD}
{monitor}jetstream: {{
  store_dir: {json.dumps(str(store_dir))}
  max_file_store: {bounds.total() + _OVERHEAD}
  max_memory_store: {_MEMORY}
  sync_interval: always
}}
authorization: {{
  users: [
{users}
  ]
}}
"""
