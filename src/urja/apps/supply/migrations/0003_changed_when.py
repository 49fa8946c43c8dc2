"""What has changed, and when on the wall: how long somebody who has paid has waited is counted from here."""

from django.db import migrations

COLUMNS = """
ALTER TABLE supply_changed
    ADD COLUMN what text NOT NULL DEFAULT '',
    ADD COLUMN wall_ms bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
"""

FUNCTION = """
CREATE OR REPLACE FUNCTION supply_account_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id, what) VALUES (NEW.account_id, TG_NAME);
    RETURN NULL;
END $$;
"""

REVERSE = """
CREATE OR REPLACE FUNCTION supply_account_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id) VALUES (NEW.account_id);
    RETURN NULL;
END $$;
ALTER TABLE supply_changed DROP COLUMN what, DROP COLUMN wall_ms;
"""


class Migration(migrations.Migration):
    dependencies = [("supply", "0002_changed")]

    operations = [migrations.RunSQL(COLUMNS + FUNCTION, REVERSE)]
