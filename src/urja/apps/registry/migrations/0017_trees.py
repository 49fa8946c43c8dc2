"""Both trees as they were valid at one instant, by what was known at another, for any number of nodes in one go."""

from importlib import import_module

from django.db import migrations

# The one statement of what was known when, of all rows that `by_column` ties to the keys $1, known at $2: rows that
# have not changed since, and of those that have the state before the first change. `recorded_at` says since when a row
# was known. A row that was deleted and put back by an undoing was away meanwhile. What a present row shows is said of
# `t`, what one of the history shows of `h` and `r`.
_STATEMENT = """
CREATE FUNCTION registry_known_statement(of_table text, by_column text, present text, past text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT format('
        SELECT %3$s FROM %1$I t
        WHERE t.%2$I = ANY ($1) AND t.recorded_at <= $2
            AND NOT EXISTS (SELECT FROM registry_history h
                WHERE h.table_name = %1$L AND h.row_id = t.id AND h.known_to > $2)
            AND t.id NOT IN (SELECT away.id FROM registry_away(%1$L, $2) AS away (id))
        UNION ALL
        SELECT %4$s FROM registry_history h CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$I, h.row) r
        WHERE h.table_name = %1$L AND h.known_to > $2 AND %5$s AND r.recorded_at <= $2
            AND NOT EXISTS (SELECT FROM registry_history e
                WHERE e.table_name = %1$L AND e.row_id = h.row_id AND e.known_to > $2
                    AND (e.known_to, e.id) < (h.known_to, h.id))
            AND h.row_id NOT IN (SELECT away.id FROM registry_away(%1$L, $2) AS away (id))',
        'registry_' || of_table, by_column, present, past,
        CASE by_column WHEN 'id' THEN 'h.row_id = ANY ($1)'
            ELSE format('h.row ? %1$L AND (h.row->>%1$L)::bigint = ANY ($1)', by_column) END)
$$;

CREATE FUNCTION registry_away(of_table text, at timestamptz) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT d.row_id FROM registry_history d
    LEFT JOIN registry_operation o ON o.id = d.operation_id
    LEFT JOIN registry_operation u ON u.id = o.undone_by_id
    WHERE d.table_name = of_table AND d.action = 'deleted' AND d.known_to <= at
        AND (u.id IS NULL OR u.recorded_at > at)
        AND NOT EXISTS (SELECT FROM registry_history l
            WHERE l.table_name = of_table AND l.row_id = d.row_id AND l.known_to <= at
                AND (l.known_to, l.id) > (d.known_to, d.id))
$$;
CREATE INDEX registry_history_deleted ON registry_history (table_name, known_to) WHERE action = 'deleted';
CREATE INDEX registry_history_node ON registry_history (((row->>'node_id')::bigint)) WHERE row ? 'node_id';
CREATE INDEX registry_history_parent ON registry_history (((row->>'parent_id')::bigint)) WHERE row ? 'parent_id';
"""

# SECURITY DEFINER: the web reads neither the history, which has what people were called, nor meters' keys.
_KNOWN = """
CREATE OR REPLACE FUNCTION registry_known(of_table text, by_column text, of bigint[], at timestamptz)
RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF of_table <> ALL ('{premise,service_point,node,node_period,placement,device,device_period,agreement,agreement_terms,person}')
        OR by_column <> ALL ('{id,service_point_id,device_id,agreement_id,node_id,parent_id}') THEN
        RAISE EXCEPTION 'nobody asks what was known of % by %', of_table, by_column;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT state - ''wrapped_guek'' - ''wrapped_gak'' FROM ('
        || registry_known_statement(of_table, by_column, 't.id, to_jsonb(t) AS state', 'h.row_id, h.row')
        || ') AS known ORDER BY id' USING of, at;
END $$;
"""

_TREES = """
CREATE FUNCTION registry_held(kind anyelement, by_column text, of bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT * FROM ('
        || registry_known_statement(substr(pg_typeof(kind)::text, 10), by_column, 't.*', 'r.*')
        || ') AS known WHERE valid_from <= $3 AND coalesce(valid_to, ''infinity'') > $3'
        USING of, known_at, valid_at;
END $$;

CREATE FUNCTION registry_below(tops bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS TABLE (top bigint, node_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    under bigint[] := tops;
    level bigint[] := tops;
BEGIN
    -- Trees grow down: each turn is a level below the one before.
    WHILE level IS NOT NULL LOOP
        RETURN QUERY SELECT * FROM unnest(under, level);
        SELECT array_agg(u.top), array_agg(p.node_id) INTO under, level
        FROM unnest(under, level) AS u (top, node)
        JOIN registry_held(NULL::registry_node_period, 'parent_id', level, valid_at, known_at) p ON p.parent_id = u.node;
    END LOOP;
END $$;

CREATE FUNCTION registry_placed(nodes bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS TABLE (node_id bigint, service_point_id bigint, consumer_number text, purpose text, phase text, meters bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    at_nodes bigint[];
    places bigint[];
    phases text[];
BEGIN
    SELECT array_agg(p.node_id), array_agg(p.service_point_id), array_agg(p.phase::text)
    INTO at_nodes, places, phases
    FROM registry_held(NULL::registry_placement, 'node_id', nodes, valid_at, known_at) p;
    RETURN QUERY EXECUTE '
        SELECT placed.node_id, point.id, point.consumer_number, point.purpose, placed.phase, coalesce(hung.meters, 0)
        FROM unnest($3, $1, $4) AS placed (node_id, service_point_id, phase)
        JOIN (' || registry_known_statement('service_point', 'id',
            't.id, t.consumer_number::text, t.purpose::text, t.disconnected_at',
            'r.id, r.consumer_number::text, r.purpose::text, r.disconnected_at') || ') AS point
            ON point.id = placed.service_point_id
        LEFT JOIN (SELECT service_point_id, count(*) AS meters
            FROM registry_held(NULL::registry_device_period, ''service_point_id'', $1, $5, $2)
            GROUP BY service_point_id) AS hung ON hung.service_point_id = point.id
        WHERE point.disconnected_at IS NULL OR point.disconnected_at > $5'
        USING places, known_at, at_nodes, phases, valid_at;
END $$;

CREATE FUNCTION registry_nodes(valid_at timestamptz, known_at timestamptz, with_code text DEFAULT NULL)
RETURNS TABLE (node_id bigint, parent_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    nodes bigint[];
BEGIN
    SELECT array_agg(id) INTO nodes FROM (
        SELECT id FROM registry_node WHERE with_code IS NULL OR code = with_code
        UNION SELECT row_id FROM registry_history
        WHERE table_name = 'registry_node' AND (with_code IS NULL OR row->>'code' = with_code)) AS ever;
    RETURN QUERY EXECUTE '
        SELECT node.id, up.parent_id FROM ('
        || registry_known_statement('node', 'id', 't.id, t.code', 'r.id, r.code') || ') AS node
        LEFT JOIN registry_held(NULL::registry_node_period, ''node_id'', $1, $3, $2) up ON up.node_id = node.id
        WHERE $4 IS NULL OR node.code = $4' USING nodes, known_at, valid_at, with_code;
END $$;

CREATE FUNCTION registry_roots(valid_at timestamptz, known_at timestamptz) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    roots bigint[] := ARRAY(SELECT node_id FROM registry_nodes(valid_at, known_at) WHERE parent_id IS NULL);
BEGIN
    -- What hung on something only later, and had nothing under it, was not there yet.
    RETURN QUERY EXECUTE '
        SELECT root.id FROM unnest($1) AS root (id)
        WHERE root.id NOT IN (SELECT node_id FROM ('
        || registry_known_statement('node_period', 'node_id', 't.node_id, t.valid_from', 'r.node_id, r.valid_from')
        || ') AS later WHERE valid_from > $3)
            OR root.id IN (SELECT parent_id FROM registry_held(NULL::registry_node_period, ''parent_id'', $1, $3, $2))
            OR root.id IN (SELECT node_id FROM registry_held(NULL::registry_placement, ''node_id'', $1, $3, $2))'
        USING roots, known_at, valid_at;
END $$;
REVOKE EXECUTE ON FUNCTION registry_known_statement, registry_away, registry_held, registry_below, registry_placed,
    registry_nodes, registry_roots FROM PUBLIC;
"""

_BEFORE = import_module("urja.apps.registry.migrations.0014_known")._KNOWN  # noqa: SLF001 - what it is put back to


class Migration(migrations.Migration):
    dependencies = [("registry", "0016_instalments")]

    operations = [
        migrations.RunSQL(
            _STATEMENT,
            "DROP INDEX registry_history_deleted, registry_history_node, registry_history_parent; "
            "DROP FUNCTION registry_known_statement, registry_away",
        ),
        migrations.RunSQL(_KNOWN, _BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(
            _TREES,
            "DROP FUNCTION registry_held, registry_below, registry_placed, registry_nodes, registry_roots",
        ),
    ]
