"""Premises: a row is a place, by the utility's code, and what it is part of."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from functools import partial
from typing import ClassVar, Final

from urja.usecases.loading import ownership, places
from urja.usecases.loading.fields import Field, Kind, Step
from urja.usecases.loading.forms import Choice, Code, Degrees, Text
from urja.usecases.loading.staging import Load, twice

_COLUMNS: Final = {
    "kind": "kind",
    "name": "name",
    "address": "address",
    "pin_code": "pin_code",
    "latitude": "latitude",
    "longitude": "longitude",
}
_FOUND: Final = "load_row r JOIN load_found f USING (n)"
_DEPTH: Final = 6
"""Premises within premises, at most so deep: a complex, its society, a tower, a flat and its rooms fit."""
_OWN_NUMBER: Final = "CASE WHEN {0} ~ '^premise:[0-9]{{1,18}}$' THEN substr({0}, 9)::bigint END"
"""A premise without a code is exported by its key, and known again by it."""


class Premises(Kind):
    """See the module."""

    name: ClassVar[str] = "premises"
    about: ClassVar[str] = "places, and what they are part of: society, tower, flat"
    key: ClassVar[tuple[str, ...]] = ("code",)
    fields: ClassVar[tuple[Field, ...]] = (
        Field("code", Code(64), "what the utility calls it", required=True),
        Field("kind", Choice(places.KINDS), "house, flat, shop, society ...", default="house"),
        Field("name", Text(200), "house or flat number, or the name of the place"),
        Field("parent", Code(64), "code of what it is part of"),
        Field("address", Text(300), "where it is"),
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

    def find(self, load: Load) -> None:
        def known(column: str, alias: str) -> str:
            return (
                f"LEFT JOIN registry_premise {alias} ON {alias}.code = {column} "
                f"LEFT JOIN registry_premise {alias}n ON {alias}n.id = {_OWN_NUMBER.format(column)} "
                f"AND {alias}n.code IS NULL "
            )

        load.run(
            "CREATE TEMP TABLE load_found ON COMMIT DROP AS SELECT r.n, coalesce(p.id, pn.id) AS premise_id, "
            "coalesce(u.id, un.id) AS parent_id FROM load_row r "
            f"{known('r.code', 'p')} {known('r.parent', 'u')}"
        )
        load.run("CREATE UNIQUE INDEX ON load_found (n)")
        load.run("CREATE INDEX ON load_row (code)")
        load.run("ANALYZE load_found")
        self._chain(load)

    def _chain(self, load: Load) -> None:
        """`load_chain`: how deep each row lies in others of the file, with the key of its topmost."""
        load.run(
            "CREATE TEMP TABLE load_chain ON COMMIT DROP AS WITH RECURSIVE chain AS ("
            "SELECT r.n, r.code, 0 AS depth, coalesce(f.premise_id, f.parent_id) >> 40 AS inherited, r.n AS top "
            f"FROM {_FOUND} WHERE r.parent IS NULL OR f.parent_id IS NOT NULL UNION ALL "
            f"SELECT r.n, r.code, c.depth + 1, c.inherited, c.top FROM {_FOUND} JOIN chain c ON c.code = r.parent "
            f"WHERE f.parent_id IS NULL AND c.depth < {_DEPTH}) SELECT * FROM chain"
        )
        load.run("CREATE INDEX ON load_chain (n)")
        load.run("ANALYZE load_chain")

    def check(self, load: Load) -> None:
        twice(load)
        for one, other in (("latitude", "longitude"), ("longitude", "latitude")):
            load.fault(
                other,
                f"'it is empty, and {one} is not'",
                "give both, or none",
                f"load_row r WHERE r.{one} IS NOT NULL AND r.{other} IS NULL",
            )
        load.fault(
            "code",
            "'no premise without a code has this key'",
            "give the premise a code of its own",
            f"{_FOUND} WHERE f.premise_id IS NULL AND r.code LIKE 'premise:%%'",
        )
        load.fault(
            "parent",
            f"'it is part of itself, or lies more than {_DEPTH} deep'",
            "name what it is part of",
            f"{_FOUND} WHERE r.parent = r.code OR r.parent IS NOT NULL AND f.parent_id IS NULL "
            "AND EXISTS (SELECT FROM load_row u WHERE u.code = r.parent) "
            "AND NOT EXISTS (SELECT FROM load_chain c WHERE c.n = r.n)",
        )
        load.fault(
            "parent",
            "'what it would be part of is part of it'",
            "mend the code",
            f"{_FOUND} JOIN LATERAL (WITH RECURSIVE up AS (SELECT f.parent_id AS id UNION "
            "SELECT p.parent_id FROM registry_premise p JOIN up ON p.id = up.id) SELECT id FROM up) a "
            "ON a.id = f.premise_id WHERE f.premise_id IS NOT NULL AND f.parent_id IS NOT NULL",
        )
        for _ in range(_DEPTH):
            load.fault(
                "parent",
                "'there is no premise of this code without a fault'",
                "load it too, or mend the code",
                f"{_FOUND} WHERE r.parent IS NOT NULL AND f.parent_id IS NULL AND r.n NOT IN (SELECT n FROM load_fault) "
                "AND NOT EXISTS (SELECT FROM load_row u WHERE u.code = r.parent "
                "AND u.n NOT IN (SELECT n FROM load_fault))",
            )
        ownership.check(load, "premise", "f.premise_id", _COLUMNS, _FOUND)

    def plan(self, load: Load) -> None:
        load.run(
            "CREATE TEMP TABLE load_top ON COMMIT DROP AS SELECT DISTINCT top, "
            "coalesce(inherited, floor(random() * %(buckets)s)::bigint) AS bucket FROM load_chain WHERE depth = 0"
        )
        load.run(
            "CREATE TEMP TABLE load_plan ON COMMIT DROP AS SELECT r.n, r.code, r.parent, c.depth, "
            f"coalesce(f.premise_id, {places.NEXT.format(bucket='t.bucket')}) AS id, f.premise_id IS NULL AS new, "
            f"f.parent_id FROM {_FOUND} JOIN load_chain c USING (n) JOIN load_top t USING (top)"
        )
        load.run("CREATE UNIQUE INDEX ON load_plan (n)")
        load.run("CREATE INDEX ON load_plan (code)")
        load.run("ANALYZE load_plan")

    def steps(self) -> tuple[Step, ...]:
        """What others are part of comes before them."""
        return (*(partial(self._make, depth) for depth in range(_DEPTH + 1)), self.write)

    def _make(self, depth: int, load: Load, low: int, high: int) -> None:
        load.made(
            "premise",
            "INSERT INTO registry_premise (id, code, kind, parent_id, name, address, pin_code, latitude, longitude, "
            f"recorded_at, actor, operation_id) SELECT p.id, r.code, {load.value('kind')}, coalesce(p.parent_id, u.id), "
            f"{load.value('name')}, {load.value('address')}, {load.value('pin_code')}, r.latitude, r.longitude, %(at)s, "
            "%(actor)s, %(operation)s FROM load_plan p JOIN load_row r USING (n) LEFT JOIN load_plan u ON u.code = p.parent "
            "WHERE p.n >= %(low)s AND p.n < %(high)s AND p.new AND p.depth = %(depth)s",
            low=low,
            high=high,
            depth=depth,
        )

    def write(self, load: Load, low: int, high: int) -> None:
        span = {"low": low, "high": high}
        known = f"{_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s AND f.premise_id IS NOT NULL"
        load.update("registry_premise", _COLUMNS, known, "f.premise_id", **span)
        if load.covers("parent"):
            load.changed(
                "registry_premise",
                "UPDATE registry_premise t SET parent_id = v.parent_id FROM (SELECT p.id, coalesce(p.parent_id, u.id) "
                "AS parent_id FROM load_plan p LEFT JOIN load_plan u ON u.code = p.parent WHERE p.n >= %(low)s "
                "AND p.n < %(high)s AND NOT p.new) v WHERE t.id = v.id AND t.parent_id IS DISTINCT FROM v.parent_id AND v.parent_id IS NOT NULL",
                **span,
            )
        if load.map.system:
            ownership.link(
                load,
                "premise",
                "load_plan p JOIN load_row r USING (n) WHERE p.n >= %(low)s AND p.n < %(high)s",
                "r.code",
                "p.id",
                [column for name, column in _COLUMNS.items() if load.covers(name)],
                span,
            )

    exported: ClassVar[str] = """
        SELECT coalesce(p.code, 'premise:' || p.id) AS code, p.kind, p.name,
            CASE WHEN u.id IS NOT NULL THEN coalesce(u.code, 'premise:' || u.id) END AS parent,
            p.address, p.pin_code, p.latitude, p.longitude
        FROM registry_premise p LEFT JOIN registry_premise u ON u.id = p.parent_id
        ORDER BY 1
    """
