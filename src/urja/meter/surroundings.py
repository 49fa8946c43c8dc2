"""What a fleet file says of a meter's surroundings: its house, its transformer, its link, its relay."""

from typing import Final, Literal

import msgspec

from urja.meter.relay import CONTROL_MODES

HouseholdKind = Literal["family", "shop", "solar", "empty", "heavy"]
"""How a house lives: `lives` has what each of them draws."""


class RelayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The load switch as it was mounted: control mode (class 70, attribute 4), a weld, the load limit in W and
    whether the meter cuts by itself above it (`overload`, by its type's habit).
    """

    mode: int = 4
    welded: bool = False
    load_limit_w: int = 5000
    overload: bool = False

    def problems(self) -> list[str]:
        """What is wrong with it, in words."""
        found = []
        if self.mode not in CONTROL_MODES:
            found.append(f"relay.mode is {self.mode}; 0 to 6 are allowed")
        if not 0 < self.load_limit_w < 1 << 32:
            found.append(
                f"relay.load_limit_w is {self.load_limit_w}; it must fit an unsigned 32-bit register"
            )
        return found


class Transformer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distribution transformer, its feeder, its meter (a serial of the fleet), and what it loses.

    `no_load_w` is lost as long as it is energised, `load_loss_w` at its rated load; between them the loss goes
    with the square of the load. Lines are counted in with the transformer.
    """

    id: str
    feeder: str
    meter: str | None = None
    rated_va: int = 25_000
    no_load_w: int = 100
    load_loss_w: int = 900

    def problems(self) -> list[str]:
        """What is wrong with it, in words."""
        return [
            f"transformer {self.id}: {name} is {value}; {least} or more is needed"
            for name, value, least in (
                ("rated_va", self.rated_va, 1),
                ("no_load_w", self.no_load_w, 0),
                ("load_loss_w", self.load_loss_w, 0),
            )
            if value < least
        ]


class LinkOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a meter is reached: a link profile (`links.toml`) and when it is not.

    `unreachable` is "never", "always", "nights" (22:00 to 06:00), or local hours such as "13:00-15:30".
    """

    profile: str = "wire"
    unreachable: str = "never"


NIGHTS: Final = "22:00-06:00"


def hours_of(unreachable: str) -> tuple[int, int] | None:
    """The minutes of the local day [from, to) of `LinkOptions.unreachable`; None for never and always.

    Raises ValueError for text that is none of the forms.
    """
    if unreachable in ("never", "always"):
        return None
    text = NIGHTS if unreachable == "nights" else unreachable
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError(f"unreachable is {unreachable!r}; never, always, nights or HH:MM-HH:MM is meant")
    first, last = _minute(begins), _minute(ends)
    if first == last:
        raise ValueError(f"unreachable is {unreachable!r}; write never or always for all day")
    return first, last


def _minute(text: str) -> int:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(f"{text!r} is not a time of day such as 13:30")
    return int(hour) * 60 + int(minute)


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet file adds to a meter's identity."""

    life: HouseholdKind = "family"
    transformer: str | None = None
    link: LinkOptions = LinkOptions()
    relay: RelayOptions = RelayOptions()
    boxed: bool = False
    """Whether it lies in its box until somebody hangs it up in another's place (`exchange`, docs/meter.md)."""
