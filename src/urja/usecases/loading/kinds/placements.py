"""Placements: a row says where a connection hangs, in one tree or both, and since when."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from typing import ClassVar, Final

from urja.usecases.loading import places
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.forms import Choice, Code, Instant
from urja.usecases.loading.staging import Load, twice

_FOUND: Final = "load_row r JOIN load_found f USING (n)"
_TREES: Final = ("administration", "grid")


class Placements(Kind):
    """See the module."""

    name: ClassVar[str] = "placements"
    about: ClassVar[str] = "where connections hang: section; transformer or pole, and phase"
    key: ClassVar[tuple[str, ...]] = ("consumer_number",)
    fields: ClassVar[tuple[Field, ...]] = (
        Field("consumer_number", Code(32), "number of the connection", required=True),
        Field("section", Code(32), "code of the section that looks after it"),
        Field("transformer", Code(32), "code of the transformer that feeds it"),
        Field("pole", Code(32), "code of the pole, where that is known"),
        Field("phase", Choice(("R", "Y", "B", "RYB")), "phase it hangs on; RYB for three"),
        Field("since", Instant(), "since when it hangs there; now if left out"),
    )
    example: ClassVar = (
        {"consumer_number": "1001000001", "section": "S1", "transformer": "T1", "pole": "T1/7", "phase": "R",
         "since": "2026-03-01"},
        {"consumer_number": "1001000002", "section": "S1", "transformer": "T1", "phase": "RYB", "since": "2026-03-01"},
    )  # fmt: skip

    def find(self, load: Load) -> None:
        load.run(
            "CREATE TEMP TABLE load_found ON COMMIT DROP AS SELECT r.n, s.id AS service_point_id, "
            "section.id AS administration_id, coalesce(pole.id, transformer.id) AS grid_id, "
            "coalesce(r.since, %(at)s) AS since FROM load_row r "
            "LEFT JOIN registry_service_point s USING (consumer_number) "
            "LEFT JOIN registry_node section ON section.level = 'section' AND section.code = r.section "
            "LEFT JOIN registry_node transformer ON transformer.level = 'transformer' AND transformer.code = r.transformer "
            "LEFT JOIN registry_node pole ON pole.level = 'pole' AND pole.code = r.pole"
        )
        load.run("CREATE UNIQUE INDEX ON load_found (n)")
        load.run("ANALYZE load_found")

    def check(self, load: Load) -> None:
        twice(load)
        load.fault(
            "consumer_number",
            "'there is no connection of this number'",
            "load it with a file of consumers, or mend the number",
            f"{_FOUND} WHERE f.service_point_id IS NULL",
        )
        places.check_codes(load)
        load.fault(
            "since",
            "'it begins in the future'",
            "load it when it has begun",
            "load_row r WHERE r.since > %(at)s",
        )
        for tree in _TREES:
            hangs = (
                f"{_FOUND} JOIN registry_placement p ON p.service_point_id = f.service_point_id AND p.tree = '{tree}' "
                "AND p.valid_to IS NULL JOIN registry_node d ON d.id = p.node_id"
            )
            load.fault(
                "since",
                "'it hangs on ' || d.level || ' ' || d.code || ' since ' || (p.valid_from AT TIME ZONE %(zone)s)::date",
                "say since when it hangs elsewhere, a day after that",
                f"{hangs} WHERE {self._moves(tree)} AND f.since <= p.valid_from",
            )

    def _moves(self, tree: str) -> str:
        """Whether a row says another thing than the placement `p`, in SQL. On a pole of its transformer it stays."""
        differs = f"p.node_id <> f.{tree}_id"
        if tree == "administration":
            return differs
        stays = (
            "r.pole IS NULL AND EXISTS (SELECT FROM registry_fed_by b WHERE b.service_point_id = p.service_point_id "
            "AND b.transformer = r.transformer)"
        )
        return f"({differs} AND NOT ({stays}) OR f.grid_id IS NOT NULL AND p.phase <> r.phase)"

    def plan(self, load: Load) -> None:
        """Everything is found already; there is nothing new but the placements themselves."""

    def write(self, load: Load, low: int, high: int) -> None:
        span = {"low": low, "high": high}
        for tree in _TREES:
            load.changed(
                "registry_placement",
                f"UPDATE registry_placement p SET valid_to = f.since FROM {_FOUND} "
                "WHERE r.n >= %(low)s AND r.n < %(high)s AND p.service_point_id = f.service_point_id "
                f"AND p.valid_to IS NULL AND p.tree = '{tree}' AND {self._moves(tree)}",
                **span,
            )
            # Where the phase is not said, it is that of before.
            phase = (
                "coalesce(r.phase, (SELECT phase FROM registry_placement o WHERE o.service_point_id = "
                "f.service_point_id AND o.tree = 'grid' AND o.valid_to = f.since), '')"
            )
            load.made(
                "placement",
                "INSERT INTO registry_placement (id, service_point_id, tree, node_id, phase, valid_from, recorded_at, "
                f"actor, operation_id) SELECT {places.NEXT.format(bucket='(f.service_point_id >> 40)')}, "
                f"f.service_point_id, '{tree}', f.{tree}_id, {phase if tree == 'grid' else "''"}, f.since, %(at)s, %(actor)s, %(operation)s "
                f"FROM {_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s AND f.{tree}_id IS NOT NULL AND NOT EXISTS "
                "(SELECT FROM registry_placement h WHERE h.service_point_id = f.service_point_id "
                f"AND h.tree = '{tree}' AND h.valid_to IS NULL)",
                **span,
            )

    exported: ClassVar[str] = """
        SELECT s.consumer_number, section.code AS section, transformer.code AS transformer, pole.code AS pole,
            nullif(grid.phase, '') AS phase, greatest(admin.valid_from, grid.valid_from) AS since
        FROM registry_service_point s
        LEFT JOIN registry_placement admin ON admin.service_point_id = s.id AND admin.tree = 'administration'
            AND admin.valid_to IS NULL
        LEFT JOIN registry_node section ON section.id = admin.node_id AND section.level = 'section'
        LEFT JOIN registry_placement grid ON grid.service_point_id = s.id AND grid.tree = 'grid'
            AND grid.valid_to IS NULL
        LEFT JOIN registry_node hung ON hung.id = grid.node_id
        LEFT JOIN registry_node pole ON pole.id = hung.id AND hung.level = 'pole'
        LEFT JOIN registry_node_period stands ON stands.node_id = pole.id AND stands.valid_to IS NULL
        LEFT JOIN registry_node transformer ON transformer.id = coalesce(stands.parent_id, hung.id)
            AND transformer.level = 'transformer'
        WHERE admin.id IS NOT NULL OR grid.id IS NOT NULL
        ORDER BY s.consumer_number
    """
