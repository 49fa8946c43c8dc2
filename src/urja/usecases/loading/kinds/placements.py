"""Placements: a row says which nodes a service point is placed under, in one tree or both, and since when."""

from typing import ClassVar

from urja.usecases.loading.cell_formats import Choice, Code
from urja.usecases.loading.date_formats import Instant
from urja.usecases.loading.fields import Field, Kind


class Placements(Kind):
    name: ClassVar[str] = "placements"
    about: ClassVar[str] = "where service points are placed: section; transformer or pole, and phase"
    key: ClassVar[tuple[str, ...]] = ("consumer_number",)
    fields: ClassVar[tuple[Field, ...]] = (
        Field("consumer_number", Code(32), "consumer number of the service point", required=True),
        Field("section", Code(32), "code of the section that administers it"),
        Field("transformer", Code(32), "code of the transformer that feeds it"),
        Field("pole", Code(32), "code of the pole, where that is known"),
        Field("phase", Choice(("R", "Y", "B", "RYB")), "phase that it is on; RYB for three phases"),
        Field("since", Instant(), "since when it is placed there; now if left out"),
    )
    example: ClassVar = (
        {"consumer_number": "1001000001", "section": "S1", "transformer": "T1", "pole": "T1/7", "phase": "R",
         "since": "2026-03-01"},
        {"consumer_number": "1001000002", "section": "S1", "transformer": "T1", "phase": "RYB", "since": "2026-03-01"},
    )  # fmt: skip

    exported: ClassVar[str] = """
        SELECT s.consumer_number, section.code AS section, transformer.code AS transformer, pole.code AS pole,
            nullif(grid.phase, '') AS phase, greatest(admin.valid_from, grid.valid_from) AS since
        FROM network.service_point s
        LEFT JOIN network.placement admin ON admin.service_point_id = s.id AND admin.tree = 'administration'
            AND admin.valid_to IS NULL
        LEFT JOIN network.node section ON section.id = admin.node_id AND section.level = 'section'
        LEFT JOIN network.placement grid ON grid.service_point_id = s.id AND grid.tree = 'grid'
            AND grid.valid_to IS NULL
        LEFT JOIN network.node placed ON placed.id = grid.node_id
        LEFT JOIN network.node pole ON pole.id = placed.id AND placed.level = 'pole'
        LEFT JOIN network.node_period stands ON stands.node_id = pole.id AND stands.valid_to IS NULL
        LEFT JOIN network.node transformer ON transformer.id = coalesce(stands.parent_id, placed.id)
            AND transformer.level = 'transformer'
        WHERE admin.id IS NOT NULL OR grid.id IS NOT NULL
        ORDER BY s.consumer_number
    """
