"""Premises: a row is a premise by the utility's code, and the premise that it belongs to."""

from typing import ClassVar, Final

from urja.usecases.loading.cell_formats import Choice, Code, Text
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.number_formats import Degrees

PREMISE_KINDS: Final = (
    "house", "flat", "shop", "office", "society", "tower", "complex", "common_area", "network",
)  # fmt: skip


class Premises(Kind):
    name: ClassVar[str] = "premises"
    about: ClassVar[str] = "premises, one within another: society, tower, flat"
    key: ClassVar[tuple[str, ...]] = ("code",)
    part_of: ClassVar[str] = "parent"
    fields: ClassVar[tuple[Field, ...]] = (
        Field("code", Code(64), "the utility's code of the premise", required=True),
        Field("kind", Choice(PREMISE_KINDS), "house, flat, shop, society ...", default="house"),
        Field("name", Text(200), "number of the house or flat, or a name"),
        Field("parent", Code(64), "code of the premise that it is part of"),
        Field("address", Text(300), "address of the premise"),
        Field("pin_code", Text(10), "postal code"),
        Field("latitude", Degrees(90), "degrees north"),
        Field("longitude", Degrees(180), "degrees east"),
    )
    example: ClassVar = (
        {"code": "GA", "kind": "society", "name": "Green Acres", "address": "Kanpur Road, Lucknow",
         "pin_code": "226012", "latitude": "26.7906", "longitude": "80.8920"},
        {"code": "GA-A", "kind": "tower", "name": "A", "parent": "GA"},
        {"code": "GA-A-101", "kind": "flat", "name": "A-101", "parent": "GA-A"},
        {"code": "P-17", "name": "17", "address": "17 Station Road, Lucknow", "pin_code": "226001",
         "latitude": "26.8467", "longitude": "80.9462"},
    )  # fmt: skip

    exported: ClassVar[str] = """
        SELECT coalesce(p.code, 'premise:' || p.id) AS code, p.kind, p.name,
            CASE WHEN u.id IS NOT NULL THEN coalesce(u.code, 'premise:' || u.id) END AS parent,
            p.address, p.pin_code, p.latitude, p.longitude
        FROM network.premise p LEFT JOIN network.premise u ON u.id = p.parent_id
        ORDER BY 1
    """
