"""A further child process of an installation."""

from dataclasses import dataclass, field

from urja.base.untyped_values import JsonObject


@dataclass(frozen=True, slots=True)
class ExtraChild:
    """A further child process: `target` is `module:function`, called as `(settings, arguments, clock)`.

    It is treated as the others: it ends with the supervisor, is restarted, and logs to DATA/logs/NAME.log. Its
    `/readyz` answers at `ready_port`; without one it is ready as soon as it runs.
    """

    name: str
    target: str
    arguments: JsonObject = field(default_factory=dict, repr=False)
    ready_port: int | None = None
    stop_rank: int = 10
