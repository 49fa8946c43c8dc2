"""Arguments that every stand-in gets at its start."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from urja.sandbox.faults import NO_WEBHOOK_FAULTS, WebhookRates, check_rates

Port = Annotated[int, Meta(ge=0, le=65_535)]
Secret = Annotated[str, Meta(min_length=1, max_length=200)]
Address = Annotated[str, Meta(pattern="^https?://")]


class ServiceArguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a service listens and stores its book, whom it calls, and how faulty its calls are.

    `port` serves the service itself and its control, `ready_port` serves `/readyz`; `database` is the path of its
    book. `webhook_url` is called, signed with `webhook_secret`; callers authenticate with `key_id` and `key_secret`
    (HTTP Basic). `retry_first_s` and `retry_cap_s` limit the back-off of webhooks, in real seconds.
    """

    port: Port
    ready_port: Port
    database: str
    webhook_url: Address
    webhook_secret: Secret
    key_id: Secret
    key_secret: Secret
    seed: int = 0
    webhooks: WebhookRates = NO_WEBHOOK_FAULTS
    host: str = "127.0.0.1"
    retry_first_s: Annotated[float, Meta(gt=0, le=3600)] = 1.0
    retry_cap_s: Annotated[float, Meta(gt=0, le=86_400)] = 600.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}(port={self.port}, database={self.database!r}, seed={self.seed}, ***)"


def parse[Kind: ServiceArguments](arguments: dict[str, object], kind: type[Kind]) -> Kind:
    """Return checked arguments. Raises ValueError naming what is wrong."""
    parsed = msgspec.convert(arguments, kind)
    for field in msgspec.structs.fields(parsed):
        value = getattr(parsed, field.name)
        if isinstance(value, Struct):
            check_rates(value)
    return parsed
