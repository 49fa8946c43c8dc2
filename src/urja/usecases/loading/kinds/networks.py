"""Networks: a row is a node of the administration or of the grid, with its parent."""

# ruff: noqa: S608  (the statement is put together from constants)

from collections.abc import Mapping
from typing import ClassVar, Final

from urja.usecases.loading.cell_formats import Choice, Code, Text
from urja.usecases.loading.date_formats import Instant
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.number_formats import Degrees, volt_amperes

LEVELS: Final = (
    "zone", "circle", "division", "subdivision", "section", "substation", "feeder", "transformer", "pole",
)  # fmt: skip


class Networks(Kind):
    name: ClassVar[str] = "networks"
    about: ClassVar[str] = "nodes of both trees: zone to section, substation to pole"
    key: ClassVar[tuple[str, ...]] = ("level", "code")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("level", Choice(LEVELS), "its level: zone ... section, substation ... pole", required=True),
        Field("code", Code(32), "its code, unique in its level", required=True),
        Field("name", Text(200), "its name"),
        Field("parent", Code(32), "code of its parent; empty for a root"),
        Field("parent_level", Choice(LEVELS), "level of its parent; the one above if left out"),
        Field("since", Instant(), "since when it is placed there; now if left out"),
        Field("licensee", Code(32), "code of the licensee that owns it"),
        Field("latitude", Degrees(90), "degrees north"),
        Field("longitude", Degrees(180), "degrees east"),
        Field(
            "rating_va",
            volt_amperes(),
            "rating of a transformer",
        ),
    )
    example: ClassVar = (
        {"level": "zone", "code": "Z1", "name": "Lucknow"},
        {"level": "section", "code": "S1", "name": "Alambagh", "parent": "Z1", "parent_level": "zone"},
        {"level": "substation", "code": "SS1", "name": "33/11 kV Alambagh"},
        {"level": "feeder", "code": "F1", "name": "Station Road", "parent": "SS1"},
        {"level": "transformer", "code": "T1", "name": "Ward 4", "parent": "F1", "rating_va": "100000",
         "latitude": "26.8467", "longitude": "80.9462"},
        {"level": "pole", "code": "T1/7", "parent": "T1"},
    )  # fmt: skip

    def place(self, said: Mapping[str, str | None]) -> int:
        """Parents come first."""
        return LEVELS.index(said["level"] or LEVELS[0])

    exported: ClassVar[str] = f"""
        SELECT d.level, d.code, d.name, u.code AS parent, u.level AS parent_level, p.valid_from AS since,
            l.code AS licensee, d.latitude, d.longitude, d.rating_va
        FROM network.node d
        LEFT JOIN network.node_period p ON p.node_id = d.id AND p.valid_to IS NULL
        LEFT JOIN network.node u ON u.id = p.parent_id
        LEFT JOIN network.licensee l ON l.id = d.licensee_id
        ORDER BY array_position(ARRAY{list(LEVELS)}, d.level::text), d.code
    """
