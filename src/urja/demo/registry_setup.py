"""Entry of the demonstration's town into the registry, as a utility's clerks would do it. Needs Django set up."""

import random
from datetime import datetime, timedelta
from importlib import resources
from typing import Final

from django.db import transaction

from urja.apps.approvals import passkeys, queries
from urja.apps.assets import queries as registry
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries.heat_values import bundled_heat_values
from urja.apps.rulebook.queries.tariffs import bundled_tariffs
from urja.base.ids import BUCKETS
from urja.base.keystore import KeyStore
from urja.base.untyped_values import JsonObject
from urja.core.policy import bundled_policies
from urja.demo.clerks import CLERK
from urja.demo.town import CASHIER, GAS_LOAD_W, OPERATOR, Gas, House, Post, Town
from urja.meter.identity import Identity
from urja.usecases.calendars import load_calendar
from urja.usecases.heat_values import load_heat_values
from urja.usecases.kinds.stock import Delivered
from urja.usecases.operations import (
    Adoption,
    Commission,
    InstallNetworkMeter,
    ReceiveDevices,
    add_transformer,
    adopt_meter,
    employ,
    install_network_meter,
    perform,
)
from urja.usecases.policies import load_policy
from urja.usecases.tariffs import load_tariffs

POLICY: Final = "demo"
CALENDAR: Final = "town-tod"
ACTOR: Final = "urja demo"

PHASE_MAX_POWER_W: Final = 15_000
"""Capacity of a phase of 60 A, in W; an interval above that of all phases is implausible."""

BEHIND_TRANSFORMERS_MAX_POWER_W: Final = 140_000
"""Capacity of a meter behind current transformers of 200 A, in W."""

GAS_MAX_FLOW_L_H: Final = 2_500
"""Capacity of a diaphragm meter G1.6, in litres an hour: stored where others have W, since an interval is of Wh or litres."""

TRANSFORMER_MAX_POWER_W: Final = 200_000


def register_town(town: Town, *, keys: KeyStore, seed: int, installed_at: datetime, now: datetime) -> None:
    """Load calendar, tariffs, heat values and policy, add the transformers, install every meter at `installed_at`, and employ the staff.

    Buckets are drawn by seed. All is one transaction: called again, after the database died in it, it does all of it
    or finds it done.
    """
    with transaction.atomic():
        if not registry.is_known(town.houses[0].meter.serial):
            _move_in(town, keys, seed, installed_at, now)


def _move_in(town: Town, keys: KeyStore, seed: int, installed_at: datetime, now: datetime) -> None:
    load_calendar(_document(CALENDAR), zone=local_zone(), recorded_at=now, actor=ACTOR)
    load_tariffs([_document(code) for code in town.tariffs], now)
    load_heat_values(bundled_heat_values(), recorded_at=now, actor=ACTOR)
    load_policy(bundled_policies()[f"{POLICY}.toml"], recorded_at=now, actor=ACTOR)
    buckets = random.Random(f"urja town {seed} buckets")  # noqa: S311 - drawn by seed, to be repeatable
    stamp: JsonObject = {"recorded_at": now, "actor": ACTOR}
    for post in town.posts:
        add_transformer(post.transformer.id, feeder=post.transformer.feeder, **stamp)
        meter = _network_meter(post, keys, installed_at, buckets.randrange(BUCKETS))
        install_network_meter(meter, **stamp)
    for house in town.houses:
        adopted = adopt_meter(_adoption(house, keys, installed_at, buckets.randrange(BUCKETS)), **stamp)
        if house.gas is not None:
            adopt_meter(_gas_adoption(house, house.gas, keys, installed_at, adopted.premise_id), **stamp)
    for billed in town.billed_meters:
        # A meter that is taken over is not commissioned: each is really called, and only then do its pushes bill.
        perform(Commission(serial=billed.serial), **stamp)
    if town.spares:
        delivered = tuple(_spare(spare, keys) for spare in town.spares)
        perform(ReceiveDevices(delivery="D-1", store="Town store", devices=delivered), **stamp)
    employ(OPERATOR, "Operator", "control_room", **stamp)
    employ(CLERK, "Clerk", "clerk", **stamp)
    employ(CASHIER, "Cashier", "cashier", **stamp)


def _document(code: str) -> str:
    """Return a tariff or calendar of the town: one of the demonstration's own, else one that Urja is shipped with."""
    own = resources.files("urja.demo") / "documents" / f"{code}.toml"
    return own.read_text("utf-8") if own.is_file() else bundled_tariffs()[f"{code}.toml"]


def cashier_passkey_code(now: datetime) -> str:
    """Return a one-time code with which the cashier makes a passkey; an empty text where the cashier has one.

    The code lasts for a year of business time after `now`, so that a fast town does not outlive it.
    """
    cashier = employ(CASHIER, "Cashier", "cashier", recorded_at=now, actor=ACTOR)
    if queries.active_passkeys(cashier.pk):
        return ""
    return passkeys.invite(cashier, now=now, lasts=timedelta(days=365), actor=ACTOR)


def _installation_fields(
    meter: Identity, transformer: str | None, keys: KeyStore, installed_at: datetime
) -> JsonObject:
    return {
        "serial": meter.serial,
        "system_title": meter.title,
        "device_type": meter.type.name,
        "interval_s": meter.type.interval_s,
        "clock_offset_s": meter.type.clock_offset_s,
        "load_switch": meter.type.relay,
        "wrapped_guek": keys.wrap(bytes.fromhex(meter.guek)),
        "wrapped_gak": keys.wrap(bytes.fromhex(meter.gak)),
        "wrapped_hls_secret": _wrapped(meter.hls_secret, keys),
        "wrapped_master": _wrapped(meter.master_key, keys),
        "register_l" if meter.type.commodity == "gas" else "register_wh": meter.start_wh,
        "valid_from": installed_at,
        "transformer": transformer,
    }


def _wrapped(secret: str, keys: KeyStore) -> bytes | None:
    return keys.wrap(bytes.fromhex(secret)) if secret else None


def _spare(meter: Identity, keys: KeyStore) -> Delivered:
    return Delivered(
        serial=meter.serial,
        system_title=meter.title,
        device_type=meter.type.name,
        wrapped_guek=keys.wrap(bytes.fromhex(meter.guek)),
        wrapped_gak=keys.wrap(bytes.fromhex(meter.gak)),
        wrapped_hls_secret=_wrapped(meter.hls_secret, keys),
        wrapped_master=_wrapped(meter.master_key, keys),
        interval_s=meter.type.interval_s,
        clock_offset_s=meter.type.clock_offset_s,
        max_power_w=_max_power_w(meter),
        load_switch=meter.type.relay,
    )


def _max_power_w(meter: Identity) -> int:
    if meter.type.commodity == "gas":
        return GAS_MAX_FLOW_L_H
    if meter.type.ct_ratio > 1:
        return BEHIND_TRANSFORMERS_MAX_POWER_W
    return PHASE_MAX_POWER_W * meter.type.phases


def _network_meter(post: Post, keys: KeyStore, installed_at: datetime, bucket: int) -> InstallNetworkMeter:
    return InstallNetworkMeter(
        **_installation_fields(post.meter, post.transformer.id, keys, installed_at),
        bucket=bucket,
        max_power_w=TRANSFORMER_MAX_POWER_W,
        premise_name=f"Transformer {post.transformer.id}",
    )


def _gas_adoption(
    house: House, gas: Gas, keys: KeyStore, installed_at: datetime, premise_id: int
) -> Adoption:
    """Return the second supply of a home: the same premise and person, an agreement and an account of its own."""
    return Adoption(
        **_installation_fields(gas.meter, None, keys, installed_at),
        premise_code=f"premise:{premise_id}",
        max_power_w=_max_power_w(gas.meter),
        tariff_code=gas.tariff,
        sanctioned_load_w=GAS_LOAD_W,
        person_name=house.name,
        email=house.email,
        credit_minor=gas.credit_minor,
        language=house.language,
        phone=house.phone,
    )


def _adoption(house: House, keys: KeyStore, installed_at: datetime, bucket: int) -> Adoption:
    return Adoption(
        **_installation_fields(house.meter, house.meter.transformer, keys, installed_at),
        bucket=bucket,
        max_power_w=_max_power_w(house.meter),
        tariff_code=house.tariff,
        sanctioned_load_w=house.sanctioned_load_w,
        premise_name=house.name,
        person_name=house.name,
        email=house.email,
        credit_minor=house.credit_minor,
        language=house.language,
        phone=house.phone,
    )
