"""Rows of the registry as they were known at an instant: those of today, and what the history has of those before."""

from django.db import migrations

# SECURITY DEFINER: the web reads neither the history, which has what people were called, nor meters' keys.
# `recorded_at` says since when a row was known. A row that was deleted and put back by an undoing was away meanwhile.
_KNOWN = """
CREATE FUNCTION registry_known(of_table text, by_column text, of bigint[], at timestamptz) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ids bigint[] := of;
BEGIN
    IF of_table <> ALL ('{premise,service_point,node,node_period,placement,device,device_period,agreement,agreement_terms,person}')
        OR by_column <> ALL ('{id,service_point_id,device_id,agreement_id}') THEN
        RAISE EXCEPTION 'nobody asks what was known of % by %', of_table, by_column;
    END IF;
    IF by_column <> 'id' THEN
        EXECUTE format('SELECT array_agg(DISTINCT id) FROM (
            SELECT id FROM %1$I WHERE %2$I = ANY ($1) UNION ALL SELECT row_id FROM registry_history
            WHERE table_name = %1$L AND row ? %2$L AND (row->>%2$L)::bigint = ANY ($1)) found',
            'registry_' || of_table, by_column) INTO ids USING of;
    END IF;
    RETURN QUERY EXECUTE format('
        SELECT state - ''wrapped_guek'' - ''wrapped_gak'' FROM (
            SELECT asked.id, coalesce(
                (SELECT h.row FROM registry_history h WHERE h.table_name = %1$L AND h.row_id = asked.id AND h.known_to > $2
                ORDER BY h.known_to, h.id LIMIT 1),
                (SELECT to_jsonb(t) FROM %1$I t WHERE t.id = asked.id)) AS state
            FROM unnest($1) AS asked (id)) AS known
        WHERE state IS NOT NULL AND (state->>''recorded_at'')::timestamptz <= $2 AND (state->>%2$L)::bigint = ANY ($3)
            AND NOT EXISTS (
                SELECT FROM (SELECT h.action, h.operation_id FROM registry_history h
                    WHERE h.table_name = %1$L AND h.row_id = known.id AND h.known_to <= $2
                    ORDER BY h.known_to DESC, h.id DESC LIMIT 1) AS last
                LEFT JOIN registry_operation o ON o.id = last.operation_id
                LEFT JOIN registry_operation u ON u.id = o.undone_by_id
                WHERE last.action = ''deleted'' AND (u.id IS NULL OR u.recorded_at > $2))
        ORDER BY known.id', 'registry_' || of_table, by_column) USING ids, at, of;
END $$;
REVOKE EXECUTE ON FUNCTION registry_known FROM PUBLIC;
"""

_INDEXES = """
CREATE INDEX registry_history_place ON registry_history (((row->>'service_point_id')::bigint))
    WHERE row ? 'service_point_id';
CREATE INDEX registry_history_device ON registry_history (((row->>'device_id')::bigint)) WHERE row ? 'device_id';
CREATE INDEX registry_history_agreement ON registry_history (((row->>'agreement_id')::bigint))
    WHERE row ? 'agreement_id';
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0013_wholes")]

    operations = [
        migrations.RunSQL(_KNOWN, "DROP FUNCTION registry_known"),
        migrations.RunSQL(
            _INDEXES, "DROP INDEX registry_history_place, registry_history_device, registry_history_agreement"
        ),
    ]
