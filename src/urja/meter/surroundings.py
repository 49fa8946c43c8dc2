"""The part of a fleet file about a meter's surroundings: its household, transformer, link and relay."""

from typing import Final, Literal

import msgspec

from urja.meter.relay import CONTROL_MODES

HouseholdKind = Literal["family", "shop", "solar", "empty", "heavy", "workshop", "festive"]
"""The kind of household behind a meter; `household_kinds` has the appliances of each."""


class RelayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The relay as installed: its control mode (class 70, attribute 4), welded contacts, the load limit in W.

    `overload` is whether the meter disconnects by itself above the limit, as its type does.
    """

    mode: int = 4
    welded: bool = False
    load_limit_w: int = 5000
    overload: bool = False

    def problems(self) -> list[str]:
        """Return what is wrong with the options, as sentences."""
        found = []
        if self.mode not in CONTROL_MODES:
            found.append(f"relay.mode is {self.mode}; 0 to 6 are allowed")
        if not 0 < self.load_limit_w < 1 << 32:
            found.append(
                f"relay.load_limit_w is {self.load_limit_w}; it must fit an unsigned 32-bit register"
            )
        return found


class Transformer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distribution transformer: its feeder, its meter (a serial of the fleet), and its losses in W.

    `no_load_w` is lost while it is energised, `load_loss_w` in addition at its rated load; in between that part grows
    with the square of the load. The losses of the lines are counted with the transformer's.
    """

    id: str
    feeder: str
    meter: str | None = None
    rated_va: int = 25_000
    no_load_w: int = 100
    load_loss_w: int = 900

    def problems(self) -> list[str]:
        """Return what is wrong with the values, as sentences."""
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
    """A meter's link: a link profile (`links.toml`), and when the meter cannot be reached.

    `unreachable` is "never", "always", "nights" (22:00 to 06:00), or local hours such as "13:00-15:30".
    """

    profile: str = "wire"
    unreachable: str = "never"


NIGHTS: Final = "22:00-06:00"


def hours_of(unreachable: str) -> tuple[int, int] | None:
    """Return the minutes of the local day [from, to) of `LinkOptions.unreachable`; None for never and always.

    Raises ValueError for a text in none of the forms.
    """
    if unreachable in ("never", "always"):
        return None
    text = NIGHTS if unreachable == "nights" else unreachable
    begins, dash, ends = text.partition("-")
    if not dash:
        raise ValueError(
            f"unreachable is {unreachable!r}; write never, always, nights or hours such as 13:00-15:30"
        )
    first, last = _minute(begins), _minute(ends)
    if first == last:
        raise ValueError(f"unreachable is {unreachable!r}; write never or always for all day")
    return first, last


def _minute(text: str) -> int:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(f"{text!r} is not a time of day such as 13:30")
    return int(hour) * 60 + int(minute)


class Wiring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a three-phase meter was connected, where it was connected wrongly; phases are 1 to 3.

    The current of a `reversed` phase flows backwards through the meter. Of a `missing` phase no voltage reaches it, so
    that it counts nothing there. It is so from `since_s` until before `until_s` (Unix seconds). Two `swapped` phases are
    at each other's terminals all the time, voltage and current, so that the sequence is reversed; `reversed` and
    `missing` name terminals. Raises ValueError for other phases.
    """

    reversed: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    since_s: int = 0
    until_s: int = 1 << 40
    swapped: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        swapped = self.swapped or ()
        wrong = sorted({*self.reversed, *self.missing, *swapped} - {1, 2, 3})
        if wrong:
            raise ValueError(f"wiring names the phases {wrong}; write 1, 2 or 3")
        if len({*swapped}) != len(swapped):
            raise ValueError(f"wiring.swapped is {list(swapped)}; write two different phases")

    def grid_phase(self, terminal: int) -> int:
        """Return the phase of the grid that is at a terminal of the meter."""
        if self.swapped is None or terminal not in self.swapped:
            return terminal
        return sum(self.swapped) - terminal


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet file adds to a meter's identity."""

    life: HouseholdKind = "family"
    transformer: str | None = None
    link: LinkOptions = LinkOptions()
    relay: RelayOptions = RelayOptions()
    wiring: Wiring = Wiring()
    """Of a three-phase meter."""
    boxed: bool = False
    """Whether the meter is in stock until it replaces an installed one (`exchange`, docs/meter.md)."""
