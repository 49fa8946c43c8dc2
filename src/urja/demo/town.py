"""The demonstration's town: invented households on transformers and feeders, with load profiles and habits.

Everything follows from the seed, keys too, so that a town can be built again. Its keys protect no real meter, and its
people are invented: each house has the name of the tree before it.
"""

import random
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from urja.demo.clerks import EVENT_HOUSES, TownEvents
from urja.meter.identity import Identity, seeded_identity
from urja.meter.surroundings import LinkOptions, Transformer

Habit = Literal["early", "warned", "disconnected", "never"]
"""When a household recharges: days before it must, when it is warned, when it is disconnected, never."""

Means = Literal["upi", "card", "wallet"]

OPERATOR: Final = "operator@street.example"
"""Sign-in address of the operator in the control room."""

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
class House:
    """One household, its meter, and how it pays."""

    name: str
    email: str
    phone: str
    meter: Identity
    sanctioned_load_w: int
    credit_minor: int
    language: str
    habit: Habit
    means: Means


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
    def meters(self) -> list[Identity]:
        """All meters of the fleet: of houses, of transformers, and in stock."""
        return [
            *(house.meter for house in self.houses),
            *(post.meter for post in self.posts),
            *self.spares,
        ]


def build_town(count: int, seed: int) -> Town:
    """Return a town of `count` households: always the same for a seed, with the same first households for any count."""
    posts = [_post(number, seed) for number in range(-(-count // HOUSES_PER_TRANSFORMER))]
    houses = [_house(number, seed) for number in range(count)]
    # Visitors watch and operate the first few houses: no event disturbs those.
    lots = {house.meter.serial: house for house in houses[_LEFT_IN_PEACE:]}
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
        plain, seed=burns.seed, life=burns.life, transformer=burns.transformer, boxed=True
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
    meter = seeded_identity(
        f"{seed % 1000:03d}{number + 1:05d}",
        "urja-d1",
        seed * 100_003 + number,
        start_wh=chance.randrange(200_000, 9_000_000),
    )
    profile = chance.choices(("rf-mesh", "cellular"), (3, 1))[0]
    return House(
        name=f"{tree} House{again}",
        email=f"{tree.lower()}{again.replace(' ', '-')}@street.example",
        # No number in India begins with 00000: these reach no telephone.
        phone=f"+91 00000 {number + 1:05d}",
        meter=msgspec.structs.replace(
            meter,
            life=life,
            transformer=f"T{number // HOUSES_PER_TRANSFORMER + 1:03d}",
            link=LinkOptions(profile=profile),
        ),
        sanctioned_load_w=(5 if life in ("heavy", "solar") else chance.choice((1, 2, 2, 3, 3))) * 1000,
        credit_minor=credit_minor,
        language="hi" if number % 3 == 2 else "en",
        habit=habit,
        means=chance.choices(("upi", "card", "wallet"), (6, 2, 1))[0],
    )


def _story(number: int, chance: random.Random) -> tuple[str, Habit, int]:
    """Return load profile, habit and opening credit in paise. The first house is almost out of credit; the others
    vary.
    """
    if number == 0:
        return "heavy", "disconnected", 500
    life = chance.choices(("family", "shop", "solar", "empty"), (12, 2, 1, 1))[0]
    habit: Habit = chance.choices(("early", "warned", "disconnected", "never"), (4, 5, 3, 1))[0]
    return life, habit, chance.randrange(3, 160) * 1000
