"""The installation of the proof: four homes, one of which burns gas, a common area, a transformer with its meter, and
a stock.
"""

from typing import Any, Final

from tests.apps import street as plain
from tests.apps.street import adopt, in_stock
from tests.usecases.proof.truth import BEGUN, Meter

HOMES: Final = ("URJ00000001", "URJ00000002", "URJ00000003")
"""Consumer numbers: those of the meters that were adopted there."""
GAS: Final = "GAS-1"
COMMON: Final = "COMMON-1"
SOURCE: Final = "T1-METER"
POINTS: Final = (*HOMES, GAS, COMMON, SOURCE)
STOCK: Final = (5, 6, 7)
FORWARD_ONLY: Final = 7
METERS: Final = {meter.serial: meter for meter in map(Meter.of, (1, 2, 3, 4, *STOCK))}
TARIFFS: Final = ("demo", "shop")
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
"""Nodes that are hung elsewhere, and on what."""


_TARIFF: Final = """
format = 1
code = "{code}"
version = "2026"
title = "{code}"
currency = "INR"
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


def raise_street() -> None:
    """Everything that is there before the first operation is drawn."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.usecases.operations import InstallNetworkMeter, add_transformer, install_network_meter
    from urja.usecases.policies import load_bundled_policy

    for code in TARIFFS:
        load_tariff(_TARIFF.format(code=code), BEGUN)
    stamp: dict[str, Any] = {"recorded_at": BEGUN, "actor": "proof"}
    for code in POLICIES:
        load_bundled_policy(f"{code}.toml", **stamp)
    add_transformer("T1", feeder="F1", **stamp)
    for number in (1, 2, 3):
        start_wh = Meter.of(number).register_wh(BEGUN)
        adopt(number, valid_from=BEGUN, register_wh=start_wh, transformer="T1", credit_minor=50_000)
    source = Meter.of(4)
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
    for number in STOCK:
        in_stock(number, forward_only=number == FORWARD_ONLY)
    _make_by_hand()


def _make_by_hand() -> None:
    """What no operation makes yet: places without a meter, and who administers them."""
    from urja.apps.journal.operation import next_id, next_number
    from urja.apps.network.kinds import Commodity, Purpose, Tree
    from urja.apps.network.models import Node, NodePeriod, Placement, Premise, ServicePoint

    stamp: dict[str, Any] = {"recorded_at": BEGUN, "actor": "proof"}
    for number, more in (
        (GAS, {"commodity": Commodity.GAS}),
        (COMMON, {"purpose": Purpose.COMMON_AREA}),
    ):
        premise = Premise.objects.create(id=next_id(7), name=number, **stamp)
        ServicePoint.objects.create(id=next_id(7), premise=premise, consumer_number=number, **more, **stamp)
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
