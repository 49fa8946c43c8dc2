"""Where a row's connection is: premises within premises, and the nodes of both trees."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Mapping
from typing import Final

from urja.usecases.loading import ownership
from urja.usecases.loading.staging import Load

KINDS: Final = (
    "house", "flat", "shop", "office", "society", "tower", "complex", "common_area", "network",
)  # fmt: skip

NEXT: Final = "({bucket} << 40 | nextval('registry_number'))"
"""A new key in a bucket, in SQL (`urja.base.ids.compose_id`)."""

_DRAWN: Final = NEXT.format(bucket="floor(random() * %(buckets)s)::bigint")
_FOUND: Final = "load_row r JOIN load_found f USING (n)"


def find_parents(load: Load) -> None:
    """`load_society`, `load_tower`: the societies and towers that rows name, known or to be made; `load_parent`: of each
    row that is part of something, what it is part of, and by what the premise itself is known in the file.
    """
    load.run(
        "CREATE TEMP TABLE load_society ON COMMIT DROP AS SELECT s.name, "
        f"coalesce(min(p.id), {_DRAWN}) AS id, min(p.id) IS NULL AS new, count(p.id) AS hits "
        "FROM (SELECT DISTINCT society AS name FROM load_row WHERE society IS NOT NULL) s LEFT JOIN ("
        "SELECT code AS name, id FROM registry_premise WHERE kind IN ('society', 'complex') AND code IS NOT NULL "
        "UNION SELECT name, id FROM registry_premise WHERE kind IN ('society', 'complex')"
        ") p USING (name) GROUP BY s.name"
    )
    load.run(
        "CREATE TEMP TABLE load_tower ON COMMIT DROP AS SELECT t.society, t.name, t.parent_id, "
        f"coalesce(min(p.id), {NEXT.format(bucket='(t.parent_id >> 40)')}) AS id, min(p.id) IS NULL AS new, "
        "count(p.id) AS hits "
        "FROM (SELECT DISTINCT r.society, r.tower AS name, s.id AS parent_id FROM load_row r "
        "JOIN load_society s ON s.name = r.society WHERE r.tower IS NOT NULL) t "
        "LEFT JOIN (SELECT parent_id, code AS name, id FROM registry_premise WHERE kind = 'tower' AND code IS NOT NULL "
        "UNION SELECT parent_id, name, id FROM registry_premise WHERE kind = 'tower'"
        ") p USING (parent_id, name) GROUP BY t.society, t.name, t.parent_id"
    )
    load.run(
        "CREATE TEMP TABLE load_parent ON COMMIT DROP AS SELECT r.n, coalesce(t.id, s.id) AS parent_id, "
        "CASE WHEN r.premise_code IS NOT NULL THEN 'c' || r.premise_code "
        "WHEN r.premise_name IS NOT NULL THEN 'p' || coalesce(t.id, s.id) || '/' || r.premise_name END AS premise_key "
        "FROM load_row r LEFT JOIN load_society s ON s.name = r.society "
        "LEFT JOIN load_tower t ON t.society = r.society AND t.name = r.tower "
        "WHERE r.society IS NOT NULL OR r.premise_code IS NOT NULL"
    )
    for table in ("load_society", "load_tower", "load_parent"):
        load.run(f"ANALYZE {table}")


def check_parents(load: Load) -> None:
    load.fault(
        "tower",
        "'a tower stands in a society, and none is named'",
        "name the society, or leave the tower empty",
        "load_row r WHERE r.tower IS NOT NULL AND r.society IS NULL",
    )
    load.fault(
        "society",
        "s.hits || ' societies are called so'",
        "name it by its code",
        "load_row r JOIN load_society s ON s.name = r.society WHERE s.hits > 1",
    )
    load.fault(
        "tower",
        "t.hits || ' towers are called so'",
        "name it by its code",
        "load_row r JOIN load_tower t ON t.society = r.society AND t.name = r.tower WHERE t.hits > 1",
    )
    if load.covers("society"):
        load.fault(
            "society",
            "'the premise is part of ' || coalesce(u.name, 'nothing')",
            "a premise is moved in a file of premises; otherwise mend the row",
            f"{_FOUND} JOIN registry_premise p ON p.id = f.premise_id LEFT JOIN registry_premise u ON u.id = p.parent_id "
            "LEFT JOIN load_parent h USING (n) WHERE r.society IS NOT NULL AND p.parent_id IS DISTINCT FROM h.parent_id",
        )


def check_premises(load: Load, columns: Mapping[str, str]) -> None:
    """Coordinates come in pairs; what two rows say of one premise is the same; a code is one premise's."""
    for one, other in (("latitude", "longitude"), ("longitude", "latitude")):
        load.fault(
            other,
            f"'it is empty, and {one} is not'",
            "give both, or none",
            f"load_row r WHERE r.{one} IS NOT NULL AND r.{other} IS NULL",
        )
    for name in (name for name in columns if load.covers(name)):
        load.fault(
            name,
            "'row ' || r.first || ' says another thing of the same premise'",
            "make them the same",
            f"(SELECT r.*, first_value(r.n) OVER w AS first, first_value({load.value(name)}) OVER w AS said "
            "FROM load_row r JOIN load_parent h USING (n) WHERE h.premise_key IS NOT NULL "
            "WINDOW w AS (PARTITION BY h.premise_key ORDER BY n)) r "
            f"WHERE {load.value(name)} IS DISTINCT FROM r.said",
        )
    load.fault(
        "premise_code",
        "'the connection is at premise ' || p.code",
        "a connection does not move: mend the code",
        f"{_FOUND} JOIN registry_premise p ON p.id = f.premise_id "
        "WHERE p.code IS NOT NULL AND r.premise_code <> p.code",
    )
    load.fault(
        "premise_code",
        "'another premise has this code'",
        "mend the code",
        f"{_FOUND} JOIN registry_premise p ON p.code = r.premise_code WHERE p.id <> f.premise_id",
    )
    ownership.check(load, "premise", "f.premise_id", columns, _FOUND)


_NODES: Final = (
    ("section", "administration", "section"),
    ("transformer", "grid", "transformer"),
    ("pole", "grid", "pole"),
)


def check_codes(load: Load) -> None:
    """The nodes that rows name are known, a pole is the transformer's, and a phase is something's."""
    for name, _, level in _NODES:
        load.fault(
            name,
            f"'there is no {level} of this code'",
            "load it with a file of networks, or mend the code",
            f"load_row r WHERE r.{name} IS NOT NULL AND NOT EXISTS "
            f"(SELECT FROM registry_node d WHERE d.level = '{level}' AND d.code = r.{name})",
        )
    load.fault(
        "pole",
        "'the pole does not hang on transformer ' || r.transformer",
        "mend one of the codes",
        "load_row r JOIN registry_node d ON d.level = 'pole' AND d.code = r.pole "
        "JOIN registry_node t ON t.level = 'transformer' AND t.code = r.transformer "
        "WHERE NOT EXISTS (SELECT FROM registry_node_period p WHERE p.node_id = d.id AND p.parent_id = t.id "
        "AND p.valid_to IS NULL)",
    )
    load.fault(
        "phase",
        "'it hangs on nothing'",
        "name the transformer or the pole, or leave it empty",
        "load_row r WHERE r.phase IS NOT NULL AND r.transformer IS NULL AND r.pole IS NULL",
    )


def check_nodes(load: Load) -> None:
    """Codes are known; a connection that hangs somewhere is hung anew by a file of placements, with a day."""
    load.fault(
        "licensee",
        "'there is no licensee of this code'",
        "mend the code",
        "load_row r WHERE r.licensee IS NOT NULL AND NOT EXISTS "
        "(SELECT FROM registry_licensee l WHERE l.code = r.licensee)",
    )
    check_codes(load)
    hangs = (
        f"{_FOUND} JOIN registry_placement p ON p.service_point_id = f.service_point_id AND p.valid_to IS NULL "
        "JOIN registry_node d ON d.id = p.node_id"
    )
    moved = "hang it elsewhere with a file of placements, which says since when"
    load.fault(
        "section",
        "'it belongs to section ' || d.code",
        moved,
        f"{hangs} WHERE p.tree = 'administration' AND d.code <> r.section",
    )
    load.fault(
        "transformer",
        "'it hangs on ' || d.level || ' ' || d.code",
        moved,
        f"{hangs} LEFT JOIN registry_fed_by b ON b.service_point_id = f.service_point_id "
        "WHERE p.tree = 'grid' AND r.transformer IS NOT NULL AND b.transformer IS DISTINCT FROM r.transformer",
    )
    load.fault(
        "pole",
        "'it hangs on ' || d.level || ' ' || d.code",
        moved,
        f"{hangs} WHERE p.tree = 'grid' AND r.pole IS NOT NULL AND (d.level <> 'pole' OR d.code <> r.pole)",
    )
    load.fault(
        "phase",
        "'it hangs on phase ' || CASE p.phase WHEN '' THEN '(unknown)' ELSE p.phase END",
        moved,
        f"{hangs} WHERE p.tree = 'grid' AND p.phase <> r.phase",
    )


def make_parents(load: Load) -> None:
    """The societies and towers that are named and not there."""
    for table, kind, parent in (
        ("load_society", "society", "NULL::bigint"),
        ("load_tower", "tower", "t.parent_id"),
    ):
        named = "r.society = t.name" if kind == "society" else "r.society = t.society AND r.tower = t.name"
        load.made(
            "premise",
            "INSERT INTO registry_premise (id, kind, parent_id, name, recorded_at, actor, operation_id) "
            f"SELECT t.id, '{kind}', {parent}, t.name, %(at)s, %(actor)s, %(operation)s FROM {table} t "
            f"WHERE t.new AND EXISTS (SELECT FROM load_row r WHERE {named})",
        )


def share_premises(load: Load) -> None:
    """`load_premise`: a key for each new premise that several rows may mean."""
    load.run(
        "CREATE TEMP TABLE load_premise ON COMMIT DROP AS "
        f"SELECT key, n, {NEXT.format(bucket='coalesce(parent_id >> 40, floor(random() * %(buckets)s)::bigint)')} AS id "
        "FROM (SELECT h.premise_key AS key, min(n) AS n, min(h.parent_id) AS parent_id FROM load_row r "
        "JOIN load_found f USING (n) JOIN load_parent h USING (n) "
        "WHERE f.premise_id IS NULL AND h.premise_key IS NOT NULL GROUP BY h.premise_key) keyed"
    )
    load.run("ANALYZE load_premise")


def write_premises(load: Load, rows: str, span: Mapping[str, int]) -> None:
    load.made(
        "premise",
        "INSERT INTO registry_premise (id, code, kind, parent_id, name, address, pin_code, latitude, longitude, "
        f"recorded_at, actor, operation_id) SELECT p.premise_id, r.premise_code, {load.value('premise_kind')}, p.parent_id, "
        f"{load.value('premise_name')}, {load.value('address')}, {load.value('pin_code')}, r.latitude, r.longitude, "
        f"%(at)s, %(actor)s, %(operation)s FROM {rows} AND p.new_premise",
        **span,
    )


def write_placements(load: Load, tree: str, rows: str, span: Mapping[str, int]) -> None:
    """Hang the connections that hang nowhere in a tree yet."""
    if tree == "grid":
        join = (
            "LEFT JOIN registry_node o ON o.level = 'pole' AND o.code = r.pole "
            "LEFT JOIN registry_node m ON m.level = 'transformer' AND m.code = r.transformer"
        )
        node, phase = "coalesce(o.id, m.id)", "coalesce(r.phase, '')"
    else:
        join = "LEFT JOIN registry_node m ON m.level = 'section' AND m.code = r.section"
        node, phase = "m.id", "''"
    load.made(
        "placement",
        "INSERT INTO registry_placement (id, service_point_id, tree, node_id, phase, valid_from, recorded_at, actor, "
        f"operation_id) SELECT {NEXT.format(bucket='p.bucket')}, p.service_point_id, '{tree}', {node}, {phase}, "
        f"coalesce(r.since, %(at)s), %(at)s, %(actor)s, %(operation)s "
        f"FROM {rows.replace(' WHERE', f' {join} WHERE', 1)} AND {node} IS NOT NULL AND (p.new OR NOT EXISTS "
        f"(SELECT FROM registry_placement h WHERE h.service_point_id = p.service_point_id AND h.tree = '{tree}'))",
        **span,
    )
