"""A device's HLS secret, wrapped like its keys; `registry_known` shows nothing that is wrapped, whatever it is called."""

from importlib import import_module

from django.db import migrations, models

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
        'SELECT state - ARRAY(SELECT key FROM jsonb_object_keys(state) AS key WHERE starts_with(key, ''wrapped_'')) FROM ('
        || registry_known_statement(of_table, by_column, 't.id, to_jsonb(t) AS state', 'h.row_id, h.row')
        || ') AS known ORDER BY id' USING of, at;
END $$;
"""

_BEFORE = import_module("urja.apps.registry.migrations.0017_trees")._KNOWN  # noqa: SLF001 - what it is put back to


class Migration(migrations.Migration):
    dependencies = [("registry", "0023_own_interval")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="wrapped_hls_secret",
            field=models.BinaryField(max_length=24, null=True),
        ),
        migrations.RunSQL(_KNOWN, _BEFORE),
    ]
