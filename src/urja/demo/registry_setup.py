"""Entry of the demonstration's town into the registry, as a utility's clerks would do it. Needs Django set up."""

import random
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from urja.apps.assets import queries as registry
from urja.apps.rulebook.queries.tariffs import bundled_tariffs
from urja.base.ids import BUCKETS
from urja.base.keystore import KeyStore
from urja.core.policy import bundled_policies
from urja.demo.clerks import CLERK, TARIFF
from urja.demo.town import OPERATOR, House, Post, Town
from urja.meter.identity import Identity
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
ACTOR: Final = "urja demo"

HOUSE_MAX_POWER_W: Final = 15_000
"""Capacity of a 60 A single-phase meter, in W; an interval above it is implausible."""

TRANSFORMER_MAX_POWER_W: Final = 200_000


def register_town(town: Town, *, keys: KeyStore, seed: int, installed_at: datetime, now: datetime) -> None:
    """Load tariff and policy, add the transformers, install every meter at `installed_at`, and employ operator and
    clerk.

    Buckets are drawn by seed. All is one transaction: called again, after the database died in it, it does all of it
    or finds it done.
    """
    with transaction.atomic():
        if not registry.is_known(town.houses[0].meter.serial):
            _move_in(town, keys, seed, installed_at, now)


def _move_in(town: Town, keys: KeyStore, seed: int, installed_at: datetime, now: datetime) -> None:
    load_tariffs([bundled_tariffs()[f"{TARIFF}.toml"]], now)
    load_policy(bundled_policies()[f"{POLICY}.toml"], recorded_at=now, actor=ACTOR)
    buckets = random.Random(f"urja town {seed} buckets")  # noqa: S311 - drawn by seed, to be repeatable
    stamp: dict[str, Any] = {"recorded_at": now, "actor": ACTOR}
    for post in town.posts:
        add_transformer(post.transformer.id, feeder=post.transformer.feeder, **stamp)
        meter = _network_meter(post, keys, installed_at, buckets.randrange(BUCKETS))
        install_network_meter(meter, **stamp)
    for house in town.houses:
        adopt_meter(_adoption(house, keys, installed_at, buckets.randrange(BUCKETS)), **stamp)
    for house in town.houses:
        # A meter that is taken over is not commissioned: each is really called, and only then do its pushes bill.
        perform(Commission(serial=house.meter.serial), **stamp)
    if town.spares:
        delivered = tuple(_spare(spare, keys) for spare in town.spares)
        perform(ReceiveDevices(delivery="D-1", store="Town store", devices=delivered), **stamp)
    employ(OPERATOR, "Operator", "control_room", **stamp)
    employ(CLERK, "Clerk", "clerk", **stamp)


def _installation_fields(
    meter: Identity, transformer: str | None, keys: KeyStore, installed_at: datetime
) -> dict[str, Any]:
    return {
        "serial": meter.serial,
        "system_title": meter.title,
        "device_type": meter.type.name,
        "interval_s": meter.type.interval_s,
        "load_switch": meter.type.relay,
        "wrapped_guek": keys.wrap(bytes.fromhex(meter.guek)),
        "wrapped_gak": keys.wrap(bytes.fromhex(meter.gak)),
        "wrapped_hls_secret": _wrapped(meter.hls_secret, keys),
        "wrapped_master": _wrapped(meter.master_key, keys),
        "register_wh": meter.start_wh,
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
        max_power_w=HOUSE_MAX_POWER_W,
        load_switch=meter.type.relay,
    )


def _network_meter(post: Post, keys: KeyStore, installed_at: datetime, bucket: int) -> InstallNetworkMeter:
    return InstallNetworkMeter(
        **_installation_fields(post.meter, post.transformer.id, keys, installed_at),
        bucket=bucket,
        max_power_w=TRANSFORMER_MAX_POWER_W,
        premise_name=f"Transformer {post.transformer.id}",
    )


def _adoption(house: House, keys: KeyStore, installed_at: datetime, bucket: int) -> Adoption:
    return Adoption(
        **_installation_fields(house.meter, house.meter.transformer, keys, installed_at),
        bucket=bucket,
        max_power_w=HOUSE_MAX_POWER_W,
        tariff_code=TARIFF,
        sanctioned_load_w=house.sanctioned_load_w,
        premise_name=house.name,
        person_name=house.name,
        email=house.email,
        credit_minor=house.credit_minor,
        language=house.language,
        phone=house.phone,
    )
