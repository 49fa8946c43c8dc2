"""The demonstration's street: invented households, each with a meter, a start register and some credit.

Everything follows from the seed, keys too, so that a street can be raised again. Nothing here is meant for a
meter that matters.
"""

import random
from dataclasses import dataclass
from typing import Final

from urja.meter.identity import Identity, seeded

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
"""Nobody is called like this: each house bears the name of the tree before it."""


@dataclass(frozen=True, slots=True)
class House:
    """One household of the street and the meter on its wall."""

    name: str
    email: str
    meter: Identity
    sanctioned_load_w: int
    credit_minor: int
    language: str


def build_street(count: int, seed: int, device_type: str = "urja-d1") -> list[House]:
    """`count` households; the same for the same seed, and the first few the same for any count."""
    return [_house(number, seed, device_type) for number in range(count)]


def _house(number: int, seed: int, device_type: str) -> House:
    chance = random.Random(f"urja street {seed} house {number}")  # noqa: S311 - a story, not a secret
    lap, tree = divmod(number, len(_TREES))
    name = _TREES[tree] if lap == 0 else f"{_TREES[tree]} {lap + 1}"
    load_kw = chance.choice((1, 2, 2, 3, 3, 4, 5))
    return House(
        name=f"{name} House",
        email=f"{name.lower().replace(' ', '-')}@street.example",
        meter=seeded(
            f"{seed % 1000:03d}{number + 1:05d}",
            device_type,
            seed * 100_003 + number,
            start_wh=chance.randrange(200_000, 9_000_000),
        ),
        sanctioned_load_w=load_kw * 1000,
        credit_minor=chance.randrange(30, 160) * 1000,
        language="hi" if number % 3 == 2 else "en",
    )
