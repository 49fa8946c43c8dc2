"""The inbox of changes: accounts that the stage `decide` must look at again, beside what it sees in the books.

Written in the transaction of the change itself, so that no commit is missed however late it comes (a position in
a log, or a time stamp, would miss the transaction that began early and committed late). Appended without a unique
key: whoever changes something never waits for another.
"""

from django.db import migrations

TABLE = """
CREATE TABLE supply_changed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL
);
"""

# SECURITY DEFINER: the web records credits and orders, and has no right on the inbox itself.
FUNCTIONS = """
CREATE FUNCTION supply_account_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id) VALUES (NEW.account_id);
    RETURN NULL;
END $$;

CREATE FUNCTION supply_place_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id)
        SELECT account_id FROM supply_state WHERE service_point_id = NEW.service_point_id;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER supply_credit_recorded AFTER INSERT ON ledger_credit_request
    FOR EACH ROW EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_credit_posted AFTER UPDATE OF posted_at ON ledger_credit_request
    FOR EACH ROW EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_notice_delivered AFTER UPDATE OF delivered_at ON notices_notice
    FOR EACH ROW WHEN (OLD.delivered_at IS DISTINCT FROM NEW.delivered_at)
    EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_terms_changed AFTER INSERT OR UPDATE ON supply_terms
    FOR EACH ROW EXECUTE FUNCTION supply_account_changed();
CREATE TRIGGER supply_command_moved AFTER UPDATE OF state ON commands_command
    FOR EACH ROW WHEN (NEW.kind IN ('connect', 'disconnect') AND OLD.state IS DISTINCT FROM NEW.state
        AND NEW.state NOT IN ('sent', 'acknowledged'))
    EXECUTE FUNCTION supply_place_changed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("supply", "0001_initial"),
        ("commands", "0001_initial"),
        ("ledger", "0003_rated"),
        ("notices", "0003_notice"),
    ]

    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE supply_changed"),
        migrations.RunSQL(FUNCTIONS, "DROP FUNCTION supply_account_changed, supply_place_changed CASCADE"),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
