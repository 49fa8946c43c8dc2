"""The demonstration's town: invented households on transformers and feeders, with load profiles and habits.

Everything follows from the seed, keys too, so that a town can be built again. Its keys protect no real meter, and its
people are invented: each house has the name of the tree before it.
"""

import random
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from urja.demo.clerks import EVENT_HOUSES, TARIFF, TownEvents
from urja.meter.identity import Identity, seeded_identity
from urja.meter.surroundings import HouseholdKind, LinkOptions, Transformer

Habit = Literal["early", "warned", "disconnected", "never"]
"""When a household recharges: days before it must, when it is warned, when it is disconnected, never."""

Means = Literal["upi", "card", "wallet"]

OPERATOR: Final = "operator@street.example"
"""Sign-in address of the operator in the control room."""

CASHIER: Final = "cashier@street.example"
"""Sign-in address of the cashier at the counter."""

_LEFT_IN_PEACE: Final = 3
_RAISED_LOAD_W: Final = 7000

HOUSES_PER_TRANSFORMER: Final = 10
TRANSFORMERS_PER_FEEDER: Final = 3

_TREES: Final = (
    "Neem",
    "Jamun",
    "Amla",
    "Kadam",
    "Palash",
    "Sheesham",
    "Gulmohar",
    "Peepal",
    "Banyan",
    "Mahua",
    "Tamarind",
    "Mango",
    "Ashoka",
    "Kachnar",
    "Arjun",
    "Semal",
    "Bael",
    "Karanj",
    "Champa",
    "Khejri",
)


@dataclass(frozen=True, slots=True)
class _Special:
    """A premise that is no household on one phase: its meter's type, its load, and how it pays."""

    word: str
    device_type: str
    life: HouseholdKind
    sanctioned_load_w: int
    tariff: str
    credit_minor: int
    """Some days of its usual use at the prices of its tariff, except for the workshop."""
    habit: Habit


_SPECIALS: Final = {
    5: _Special("Shop", "urja-d2", "shop", 12_000, "town-shop", 60_000, "warned"),
    # It never pays, so that a work order to disconnect it by hand is seen: its meter has no relay.
    6: _Special("Workshop", "urja-d3", "workshop", 40_000, "town-workshop", 4_000, "never"),
    7: _Special("Solar Roof", "urja-d2-net", "solar", 10_000, "town-roof", 40_000, "early"),
    # A block of flats behind one meter, with a generator for the hours without the grid.
    8: _Special("Flats", "urja-d2-dg", "family", 25_000, "town-flats", 80_000, "early"),
}
"""Premises by their number among the houses, each with a tariff of its kind."""

_WITH_GAS: Final[dict[int, tuple[HouseholdKind, str, int, Habit]]] = {
    9: ("family", "town-gas-standard", 60_000, "early"),
    10: ("heavy", "demo-gas", 3_000, "disconnected"),
    11: ("shop", "town-gas-energy", 90_000, "warned"),
}
"""Homes by their number that have piped gas too: how they use it, by what tariff, their opening credit in paise, and when
they recharge. The second burns a heater at all hours and runs out of credit while it is watched: its tariff prices what the
register shows, which counts within the day.
"""

GAS_TYPE: Final = "urja-g1-hourly"
GAS_LOAD_W: Final = 1000
"""Sanctioned load of a gas supply: the registry wants one of each agreement, and nothing of gas is calculated by it."""

_LEFT_OUT: Final = (5, 6, 8)
"""Numbers of premises that no event affects: a household moves in, and its load would not fit theirs."""

_REGISTER_STEP_WH: Final = 10
"""Resolution of the workshop's register: it begins at a whole step."""


@dataclass(frozen=True, slots=True)
class Gas:
    """The piped gas of a home: a meter and an agreement of its own beside those of its electricity."""

    meter: Identity
    tariff: str
    credit_minor: int
    habit: Habit


@dataclass(frozen=True, slots=True)
class House:
    """One household, shop or workshop, its meter, and how it pays."""

    name: str
    email: str
    phone: str
    meter: Identity
    sanctioned_load_w: int
    tariff: str
    credit_minor: int
    language: str
    habit: Habit
    means: Means
    gas: Gas | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One transformer with the meter that measures all its energy."""

    transformer: Transformer
    meter: Identity


@dataclass(frozen=True, slots=True)
class Town:
    """Houses, and the transformers that feed them."""

    houses: list[House]
    posts: list[Post]
    fates: TownEvents | None = None
    """Events of some of the houses; None for a town that is too small."""
    spares: tuple[Identity, ...] = ()
    """Meters in stock, each for a house whose meter will burn."""

    @property
    def tariffs(self) -> list[str]:
        """Codes of the tariffs of its agreements, the households' first: newcomers have it."""
        gas = (house.gas.tariff for house in self.houses if house.gas is not None)
        return list(dict.fromkeys([TARIFF, *(house.tariff for house in self.houses), *gas]))

    @property
    def with_generator(self) -> list[str]:
        """Serials of the meters of premises with a generator."""
        return [house.meter.serial for house in self.houses if house.meter.type.generator]

    @property
    def billed_meters(self) -> list[Identity]:
        """Meters that an agreement pays for: of electricity, then of gas."""
        gas = (house.gas.meter for house in self.houses if house.gas is not None)
        return [*(house.meter for house in self.houses), *gas]

    @property
    def meters(self) -> list[Identity]:
        """All meters of the fleet: of houses, of transformers, and in stock."""
        return [
            *self.billed_meters,
            *(post.meter for post in self.posts),
            *self.spares,
        ]


def build_town(count: int, seed: int) -> Town:
    """Return a town of `count` households: always the same for a seed, with the same first households for any count."""
    posts = [_post(number, seed) for number in range(-(-count // HOUSES_PER_TRANSFORMER))]
    houses = [_house(number, seed) for number in range(count)]
    # Visitors watch and operate the first few houses: no event disturbs those.
    lots = {
        house.meter.serial: house
        for number, house in enumerate(houses)
        if number >= _LEFT_IN_PEACE and number not in _LEFT_OUT
    }
    if len(lots) < EVENT_HOUSES:
        return Town(houses, posts)
    spare = f"{seed % 1000:03d}S0001"
    fates = TownEvents.of(seed, list(lots), spare, _RAISED_LOAD_W)
    return Town(houses, posts, fates, (_spare(spare, lots[fates.burns].meter, seed),))


def _spare(serial: str, burns: Identity, seed: int) -> Identity:
    """Return the meter that replaces the present meter of a household."""
    plain = seeded_identity(serial, burns.device_type, seed * 100_003 + 90_000)
    # Its link is a quick one: a call of several steps has two business hours, which at 600 times real time are twelve
    # seconds, and latency is real.
    return msgspec.structs.replace(
        plain,
        seed=burns.seed,
        life=burns.life,
        transformer=burns.transformer,
        interval_s=burns.interval_s,
        boxed=True,
    )


def _chance(seed: int, what: str, number: int) -> random.Random:
    return random.Random(f"urja town {seed} {what} {number}")  # noqa: S311 - a story, not a secret


def _post(number: int, seed: int) -> Post:
    code = f"T{number + 1:03d}"
    serial = f"{seed % 1000:03d}T{number + 1:04d}"
    feeder = f"F{number // TRANSFORMERS_PER_FEEDER + 1:02d}"
    meter = seeded_identity(serial, "urja-dt", seed * 100_003 + 50_000 + number)
    return Post(Transformer(id=code, feeder=feeder, meter=serial), meter)


def _house(number: int, seed: int) -> House:
    chance = _chance(seed, "house", number)
    lap, place = divmod(number, len(_TREES))
    tree, again = _TREES[place], f" {lap + 1}" if lap else ""
    life, habit, credit_minor = _story(number, chance)
    start_wh = chance.randrange(200_000, 9_000_000)
    profile = chance.choices(("rf-mesh", "cellular"), (3, 1))[0]
    load_w = (5 if life in ("heavy", "solar") else chance.choice((1, 2, 2, 3, 3))) * 1000
    means: Means = chance.choices(("upi", "card", "wallet"), (6, 2, 1))[0]
    word, device_type, tariff = "House", "urja-d1", TARIFF
    special = _SPECIALS.get(number)
    if special is not None:
        start_wh -= start_wh % _REGISTER_STEP_WH
        word, device_type, life = special.word, special.device_type, special.life
        load_w, credit_minor, habit = special.sanctioned_load_w, special.credit_minor, special.habit
        tariff = special.tariff
    meter = seeded_identity(
        f"{seed % 1000:03d}{number + 1:05d}", device_type, seed * 100_003 + number, start_wh=start_wh
    )
    return House(
        name=f"{tree} {word}{again}",
        email=f"{tree.lower()}{again.replace(' ', '-')}@street.example",
        # No number in India begins with 00000: these reach no telephone.
        phone=f"+91 00000 {number + 1:05d}",
        meter=msgspec.structs.replace(
            meter,
            life=life,
            transformer=f"T{number // HOUSES_PER_TRANSFORMER + 1:03d}",
            link=LinkOptions(profile=profile),
            # Blocks of the transformer's length: its balance compares blocks that begin and end together.
            interval_s=None if special is None else 1800,
        ),
        sanctioned_load_w=load_w,
        tariff=tariff,
        credit_minor=credit_minor,
        language="hi" if number % 3 == 2 else "en",
        habit=habit,
        means=means,
        gas=_gas(number, seed),
    )


def _gas(number: int, seed: int) -> Gas | None:
    if number not in _WITH_GAS:
        return None
    life, tariff, credit_minor, habit = _WITH_GAS[number]
    start_l = _chance(seed, "gas", number).randrange(20_000, 900_000)
    serial = f"{seed % 1000:03d}G{number + 1:04d}"
    meter = seeded_identity(serial, GAS_TYPE, seed * 100_003 + 70_000 + number, start_wh=start_l)
    return Gas(msgspec.structs.replace(meter, life=life), tariff, credit_minor, habit)


def _story(number: int, chance: random.Random) -> tuple[HouseholdKind, Habit, int]:
    """Return load profile, habit and opening credit in paise. The first house's lasts until noon, so that a visitor sees it
    end and not only that it has ended. The second house's is used up by a feast, and the review of that day's charge is seen; the
    others vary.
    """
    if number == 0:
        return "heavy", "disconnected", 3_000
    if number == 1:
        return "festive", "disconnected", 25_000
    life: HouseholdKind = chance.choices(("family", "shop", "solar", "empty"), (12, 2, 1, 1))[0]
    habit: Habit = chance.choices(("early", "warned", "disconnected", "never"), (4, 5, 3, 1))[0]
    return life, habit, chance.randrange(3, 160) * 1000
