"""Reads that an operation of the registry told of are taken back with it; no other measurement is ever deleted."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION readings_withdraw_installation(place bigint, device bigint, at timestamptz, which smallint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM readings_register
    WHERE (service_point_id, device_id, read_at, kind, version) = (place, device, at, 5, which);
$$;
REVOKE ALL ON FUNCTION readings_withdraw_installation FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0002_tampers")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION readings_withdraw_installation")]
