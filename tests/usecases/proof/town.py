"""The installation of the proof: a home, a shop, a workshop, a solar roof and a gas supply, a common area, a transformer
with its meter, and a stock.
"""

from typing import Any, Final

from tests.apps import town as plain
from tests.apps.town import adopt, in_stock
from tests.usecases.proof.truth import BEGUN, D1, D2, D3, DT, GAS as GAS_TYPE, SOLAR, Meter

HOMES: Final = ("URJ00000001", "URJ00000002", "URJ00000003", "URJ00000008")
"""Consumer numbers: those of the meters that were adopted there. Single-phase, three-phase, behind transformers and so without
a relay, and a roof that feeds in.
"""
GAS: Final = "GAS-1"
COMMON: Final = "COMMON-1"
SOURCE: Final = "T1-METER"
POINTS: Final = (*HOMES, GAS, COMMON, SOURCE)
GAS_METER: Final = 9
STOCK: Final = {5: D1, 6: D2, 7: D1, 10: GAS_TYPE}
FORWARD_ONLY: Final = 7
_TYPES: Final = {1: D1, 2: D2, 3: D3, 4: DT, 8: SOLAR, GAS_METER: GAS_TYPE, **STOCK}
METERS: Final = {meter.serial: meter for meter in (Meter.of(*one) for one in _TYPES.items())}
COMMODITIES: Final = {point: "gas" if point == GAS else "electricity" for point in POINTS}
TARIFFS: Final = ("demo", "shop", "piped")
"""The last is for gas."""
POLICIES: Final = ("plain", "demo")
"""The first governs everybody who has none of their own."""
ABOVE: Final = {
    "subdivision D2": ("zone Z", "division D"),
    "section S1": ("zone Z", "division D", "subdivision D2"),
    "section S2": ("zone Z", "division D", "subdivision D2"),
    "feeder F1": ("substation SS1", "substation SS2"),
    "transformer T1": ("feeder F1", "substation SS1", "substation SS2"),
    "pole P1": ("transformer T1", "feeder F1"),
}
"""Nodes that are moved, and under which node."""


_TARIFF: Final = """
format = 1
code = "{code}"
version = "2026"
title = "{code}"
currency = "INR"
commodity = "{commodity}"
valid_from = 2026-01-01
[[line]]
name = "energy"
accrues = "slabs"
prorate = "none"
slabs = [{{ from = 0, up_to = 5, rate = "3" }}, {{ from = 5, rate = "7" }}]
[[line]]
name = "fixed"
accrues = "per-month"
per = "kW"
rate = "30"
"""


def raise_town() -> None:
    """Everything that is there before the first operation is drawn."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.usecases.operations import InstallNetworkMeter, add_transformer, install_network_meter
    from urja.usecases.policies import load_bundled_policy

    for code in TARIFFS:
        commodity = "gas" if code == "piped" else "electricity"
        load_tariff(_TARIFF.format(code=code, commodity=commodity), BEGUN)
    stamp: dict[str, Any] = {"recorded_at": BEGUN, "actor": "proof"}
    for code in POLICIES:
        load_bundled_policy(f"{code}.toml", **stamp)
    add_transformer("T1", feeder="F1", **stamp)
    for serial in HOMES:
        _adopt(METERS[serial], transformer="T1", load_switch=METERS[serial].type is not D3)
    _adopt(Meter.of(GAS_METER, GAS_TYPE), consumer_number=GAS, tariff_code="piped")
    source = Meter.of(4, DT)
    install_network_meter(
        InstallNetworkMeter(
            serial=source.serial,
            system_title=b"URJ" + source.number.to_bytes(5, "big"),
            device_type="urja-dt",
            interval_s=1800,
            max_power_w=200_000,
            wrapped_guek=bytes(24),
            wrapped_gak=bytes(24),
            register_wh=source.register_wh(BEGUN),
            valid_from=BEGUN,
            consumer_number=SOURCE,
            transformer="T1",
            bucket=7,
        ),
        **stamp,
    )
    for number, its_type in STOCK.items():
        in_stock(
            number,
            forward_only=number == FORWARD_ONLY,
            device_type=its_type.name,
            commodity=its_type.commodity,
        )
    _make_by_hand()


def _adopt(meter: Meter, **more: Any) -> None:
    """A meter that is billed by from the beginning."""
    more |= {"register_wh": meter.register_wh(BEGUN), "device_type": meter.type.name}
    adopt(meter.number, valid_from=BEGUN, credit_minor=50_000, **more)


def _make_by_hand() -> None:
    """What no operation makes yet: a place without a meter, and who administers them."""
    from urja.apps.journal.operation import next_id, next_number
    from urja.apps.network.kinds import Purpose, Tree
    from urja.apps.network.models import Node, NodePeriod, Placement, Premise, ServicePoint

    stamp: dict[str, Any] = {"recorded_at": BEGUN, "actor": "proof"}
    premise = Premise.objects.create(id=next_id(7), name=COMMON, **stamp)
    common: dict[str, Any] = {"consumer_number": COMMON, "purpose": Purpose.COMMON_AREA}
    ServicePoint.objects.create(id=next_id(7), premise=premise, **common, **stamp)
    above = None
    for level, code in (("zone", "Z"), ("division", "D"), ("section", "S1"), ("section", "S2")):
        node = Node.objects.create(
            id=next_number(), tree=Tree.ADMINISTRATION, level=level, code=code, **stamp
        )
        if above is not None:
            NodePeriod.objects.create(id=next_number(), node=node, parent=above, valid_from=BEGUN, **stamp)
        above = node if level != "section" else above
    for tree, level, code in (
        (Tree.ADMINISTRATION, "subdivision", "D2"),
        (Tree.GRID, "substation", "SS1"),
        (Tree.GRID, "substation", "SS2"),
        (Tree.GRID, "pole", "P1"),
    ):
        Node.objects.create(id=next_number(), tree=tree, level=level, code=code, **stamp)
    sections = {code: Node.objects.get(level="section", code=code) for code in ("S1", "S2")}
    for place in ServicePoint.objects.all():
        section = sections["S2" if place.consumer_number in (GAS, COMMON, HOMES[2]) else "S1"]
        Placement.objects.create(
            id=next_id(7),
            service_point=place,
            tree=Tree.ADMINISTRATION,
            node=section,
            valid_from=BEGUN,
            **stamp,
        )


ZONE: Final = plain.ZONE
