"""The demonstration's houses enter the registry: what a utility's clerks would have done. Needs Django set up."""

import random
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from urja.apps.registry.operations import Adoption, adopt_meter
from urja.apps.tariffs.operations import load_document
from urja.apps.tariffs.queries import bundled_documents
from urja.base.ids import BUCKETS
from urja.cosem.security import wrap_key
from urja.site.street import House

TARIFF: Final = "demo-domestic"

MAX_POWER_W: Final = 15_000
"""What a 60 A single-phase meter can carry; a block above it is implausible."""


def move_in(houses: Iterable[House], *, kek: bytes, seed: int, installed_at: datetime, now: datetime) -> None:
    """Load the street's tariff and adopt each meter at `installed_at`, buckets drawn by the seed."""
    load_document(bundled_documents()[f"{TARIFF}.toml"], now)
    buckets = random.Random(f"urja street {seed} buckets")  # noqa: S311 - drawn by seed, to be repeatable
    for house in houses:
        adoption = _adoption(house, kek, installed_at)
        adopt_meter(adoption, recorded_at=now, actor="urja demo", bucket=buckets.randrange(BUCKETS))


def _adoption(house: House, kek: bytes, installed_at: datetime) -> Adoption:
    keys = house.meter.keys
    return Adoption(
        serial=house.meter.serial,
        system_title=house.meter.title,
        device_type=house.meter.device_type,
        interval_s=house.meter.type.interval_s,
        max_power_w=MAX_POWER_W,
        wrapped_guek=wrap_key(kek, keys.guek),
        wrapped_gak=wrap_key(kek, keys.gak),
        register_wh=house.meter.start_wh,
        valid_from=installed_at,
        tariff_code=TARIFF,
        sanctioned_load_w=house.sanctioned_load_w,
        person_name=house.name,
        email=house.email,
        credit_minor=house.credit_minor,
        language=house.language,
        premise_name=house.name,
        address=house.meter.listen,
    )
