"""The gateway of an installation as the app takes it; imported before Django is set up."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """`[payments]` with its secrets."""

    provider: str
    base_url: str
    public_url: str
    key_id: str
    least_minor: int = 1000
    most_minor: int = 2_500_000
    settled_within_days: int = 7
    key_secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
