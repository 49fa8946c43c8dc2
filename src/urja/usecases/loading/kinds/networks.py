"""Networks: a row is a node of one of the trees, with what it hangs on."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from typing import ClassVar, Final

from urja.usecases.loading.fields import Field, Kind, Step
from urja.usecases.loading.forms import Choice, Code, Degrees, Instant, Number, Text
from urja.usecases.loading.staging import Load, twice

_LEVELS: Final = (
    "zone", "circle", "division", "subdivision", "section", "substation", "feeder", "transformer", "pole",
)  # fmt: skip
_ROOTS: Final = ("zone", "substation")
_PLACE: Final = f"array_position(ARRAY{list(_LEVELS)}, {{}}::text)"
_TREE: Final = f"CASE WHEN {_PLACE} > 5 THEN 'grid' ELSE 'administration' END"
_COLUMNS: Final = {"name": "name", "latitude": "latitude", "longitude": "longitude", "rating_va": "rating_va"}
_FOUND: Final = "load_row r JOIN load_found f USING (n)"
_NOW_ON: Final = "JOIN registry_node_period p ON p.node_id = f.node_id AND p.valid_to IS NULL"


class Networks(Kind):
    """See the module."""

    name: ClassVar[str] = "networks"
    about: ClassVar[str] = "nodes of both trees: zone to section, substation to pole"
    key: ClassVar[tuple[str, ...]] = ("level", "code")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("level", Choice(_LEVELS), "what it is: zone ... section, substation ... pole", required=True),
        Field("code", Code(32), "its code, unique in its level", required=True),
        Field("name", Text(200), "its name"),
        Field("parent", Code(32), "code of what it hangs on; empty for a root"),
        Field("parent_level", Choice(_LEVELS), "level of what it hangs on; the one above if left out"),
        Field("since", Instant(), "since when it hangs there; now if left out"),
        Field("licensee", Code(32), "code of the licensee whose it is"),
        Field("latitude", Degrees(90), "degrees north"),
        Field("longitude", Degrees(180), "degrees east"),
        Field(
            "rating_va",
            Number(1, 2_000_000_000, {"VA": 1, "kVA": 1000, "MVA": 1_000_000}),
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

    def find(self, load: Load) -> None:
        above = " ".join(
            f"WHEN '{level}' THEN '{_LEVELS[number - 1]}'"
            for number, level in enumerate(_LEVELS)
            if level not in _ROOTS
        )
        load.run(
            "CREATE TEMP TABLE load_found ON COMMIT DROP AS SELECT r.n, d.id AS node_id, "
            "coalesce(d.id, nextval('registry_number')) AS id, "
            f"CASE WHEN r.parent IS NOT NULL THEN coalesce(r.parent_level, CASE r.level {above} END) END AS parent_level "
            "FROM load_row r LEFT JOIN registry_node d USING (level, code)"
        )
        load.run("CREATE UNIQUE INDEX ON load_found (n)")
        load.run("CREATE INDEX ON load_row (level, code)")
        load.run("ANALYZE load_found")

    def check(self, load: Load) -> None:
        twice(load)
        load.fault(
            "licensee",
            "'there is no licensee of this code'",
            "mend the code",
            "load_row r WHERE r.licensee IS NOT NULL AND NOT EXISTS "
            "(SELECT FROM registry_licensee l WHERE l.code = r.licensee)",
        )
        load.fault(
            "rating_va",
            "'only a transformer has a rating'",
            "leave it empty",
            "load_row r WHERE r.rating_va IS NOT NULL AND r.level <> 'transformer'",
        )
        load.fault(
            "since",
            "'it begins in the future'",
            "load it when it has begun",
            "load_row r WHERE r.since > %(at)s",
        )
        load.fault(
            "parent",
            "'a ' || r.level || ' hangs on one of a level above its own, in its own tree'",
            "name what it hangs on, and its level where that is not the one above",
            f"{_FOUND} WHERE r.parent IS NOT NULL AND (f.parent_level IS NULL OR {_TREE.format('f.parent_level')} "
            f"<> {_TREE.format('r.level')} OR {_PLACE.format('f.parent_level')} >= {_PLACE.format('r.level')})",
        )
        if load.covers("parent"):
            self._check_parents(load)
        for _ in range(len(_LEVELS)):
            # A row whose parent cannot be made cannot be made either, and so on down.
            load.fault(
                "parent",
                "'there is no ' || f.parent_level || ' of this code without a fault'",
                "load it too, or mend the code",
                f"{_FOUND} WHERE f.parent_level IS NOT NULL AND NOT EXISTS (SELECT FROM registry_node d "
                "WHERE d.level = f.parent_level AND d.code = r.parent) AND NOT EXISTS (SELECT FROM load_row u "
                "WHERE u.level = f.parent_level AND u.code = r.parent AND u.n NOT IN (SELECT n FROM load_fault)) "
                "AND r.n NOT IN (SELECT n FROM load_fault)",
            )

    def _check_parents(self, load: Load) -> None:
        """Where it hangs now changes on a day, and a day that comes after the one since when it hangs there."""
        load.fault(
            "since",
            "'it hangs on ' || u.code || ' since ' || (p.valid_from AT TIME ZONE %(zone)s)::date",
            "say since when it hangs elsewhere, a day after that",
            f"{_FOUND} {_NOW_ON} JOIN registry_node u ON u.id = p.parent_id WHERE r.parent IS NOT NULL "
            "AND (u.level, u.code) IS DISTINCT FROM (f.parent_level, r.parent) "
            "AND coalesce(r.since, p.valid_from) <= p.valid_from",
        )

    def plan(self, load: Load) -> None:
        load.run(
            "CREATE TEMP TABLE load_plan ON COMMIT DROP AS SELECT r.n, f.id, f.node_id, coalesce(d.id, u.id) AS parent_id "
            f"FROM {_FOUND} LEFT JOIN registry_node d ON d.level = f.parent_level AND d.code = r.parent "
            "LEFT JOIN (SELECT o.level, o.code, g.id FROM load_row o JOIN load_found g USING (n)) u "
            "ON u.level = f.parent_level AND u.code = r.parent"
        )
        load.run("CREATE UNIQUE INDEX ON load_plan (n)")
        load.run("ANALYZE load_plan")

    def steps(self) -> tuple[Step, ...]:
        return (self.write, self._hang)

    def write(self, load: Load, low: int, high: int) -> None:
        load.made(
            "node",
            "INSERT INTO registry_node (id, tree, level, code, name, licensee_id, latitude, longitude, rating_va, "
            f"recorded_at, actor, operation_id) SELECT p.id, {_TREE.format('r.level')}, r.level, r.code, "
            f"{load.value('name')}, l.id, r.latitude, r.longitude, r.rating_va, %(at)s, %(actor)s, %(operation)s "
            "FROM load_plan p JOIN load_row r USING (n) LEFT JOIN registry_licensee l ON l.code = r.licensee "
            "WHERE p.n >= %(low)s AND p.n < %(high)s AND p.node_id IS NULL",
            low=low,
            high=high,
        )
        known = f"{_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s AND f.node_id IS NOT NULL"
        load.update("registry_node", _COLUMNS, known, "f.node_id", low=low, high=high)
        if load.covers("licensee"):
            load.changed(
                "registry_node",
                f"UPDATE registry_node t SET licensee_id = v.id FROM (SELECT f.node_id, l.id FROM {_FOUND} "
                "LEFT JOIN registry_licensee l ON l.code = r.licensee WHERE r.n >= %(low)s AND r.n < %(high)s) v "
                "WHERE t.id = v.node_id AND t.licensee_id IS DISTINCT FROM v.id",
                low=low,
                high=high,
            )

    def _hang(self, load: Load, low: int, high: int) -> None:
        """All nodes are there: hang them on each other."""
        span = {"low": low, "high": high}
        load.changed(
            "registry_node_period",
            "UPDATE registry_node_period t SET valid_to = coalesce(r.since, %(at)s) FROM load_plan p "
            "JOIN load_row r USING (n) WHERE p.n >= %(low)s AND p.n < %(high)s AND t.node_id = p.id "
            "AND t.valid_to IS NULL AND t.parent_id <> p.parent_id",
            **span,
        )
        load.made(
            "node_period",
            "INSERT INTO registry_node_period (id, node_id, parent_id, valid_from, recorded_at, actor, operation_id) "
            "SELECT nextval('registry_number'), p.id, p.parent_id, coalesce(r.since, %(at)s), %(at)s, %(actor)s, "
            "%(operation)s FROM load_plan p JOIN load_row r USING (n) WHERE p.n >= %(low)s AND p.n < %(high)s "
            "AND p.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM registry_node_period h WHERE h.node_id = p.id "
            "AND h.valid_to IS NULL)",
            **span,
        )

    exported: ClassVar[str] = f"""
        SELECT d.level, d.code, d.name, u.code AS parent, u.level AS parent_level, p.valid_from AS since,
            l.code AS licensee, d.latitude, d.longitude, d.rating_va
        FROM registry_node d
        LEFT JOIN registry_node_period p ON p.node_id = d.id AND p.valid_to IS NULL
        LEFT JOIN registry_node u ON u.id = p.parent_id
        LEFT JOIN registry_licensee l ON l.id = d.licensee_id
        ORDER BY {_PLACE.format("d.level")}, d.code
    """
