"""What made an account more than a balance is the registry's: terms, protected people, arrears by bill."""

from django.db import migrations

_CARRY_OVER = """
DO $$
DECLARE
    unnamed bigint;
    operation bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM supply_terms) THEN
        RETURN;
    END IF;
    SELECT t.account_id INTO unnamed FROM supply_terms t
    WHERE t.flags <> '[]' AND NOT EXISTS (
        SELECT FROM registry_agreement g WHERE g.account_id = t.account_id AND g.customer_id IS NOT NULL);
    IF unnamed IS NOT NULL THEN
        RAISE EXCEPTION 'account % is marked as protected and has no customer: give its agreement one first', unnamed;
    END IF;
    INSERT INTO registry_operation (id, kind, content, outcome, actor, recorded_at)
    SELECT nextval('registry_number'), 'carried_over', '{}', '{}', 'upgrade', max(recorded_at) FROM supply_terms
    RETURNING id INTO operation;
    PERFORM set_config('urja.operation', operation::text, true),
        set_config('urja.known_at', (SELECT recorded_at::text FROM registry_operation WHERE id = operation), true);

    UPDATE registry_agreement_terms m SET category = t.category, converted_at = t.converted_at
    FROM supply_terms t JOIN registry_agreement g ON g.account_id = t.account_id
    WHERE m.agreement_id = g.id;

    INSERT INTO registry_protection
        (id, person_id, kind, evidence, valid_from, valid_to, recorded_at, actor, operation_id)
    SELECT (t.account_id >> 40 << 40) + nextval('registry_number'), owner.person_id, flag, 'carried over',
        t.recorded_at, NULL, t.recorded_at, t.actor, operation
    FROM supply_terms t CROSS JOIN LATERAL (
        SELECT g.customer_id AS person_id FROM registry_agreement g
        WHERE g.account_id = t.account_id AND g.customer_id IS NOT NULL ORDER BY g.valid_from DESC LIMIT 1
    ) owner CROSS JOIN LATERAL jsonb_array_elements_text(t.flags) flag;

    INSERT INTO registry_arrear
        (id, account_id, bill, due_on, principal_minor, surcharge_minor, recorded_at, actor, operation_id)
    SELECT (account_id >> 40 << 40) + nextval('registry_number'), account_id, 'carried over', recorded_at::date,
        arrears_minor, 0, recorded_at, actor, operation
    FROM supply_terms WHERE arrears_minor > 0;

    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM set_config('urja.operation', '', true);
END $$
"""

# SECURITY DEFINER, as with the other triggers of the inbox: who changes the registry has no right on it.
_CHANGED = """
CREATE FUNCTION supply_registry_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO supply_changed (account_id, what)
    SELECT g.account_id, TG_NAME FROM registry_agreement g
    WHERE CASE TG_TABLE_NAME
        WHEN 'registry_agreement_terms' THEN g.id = (to_jsonb(coalesce(NEW, OLD))->>'agreement_id')::bigint
        WHEN 'registry_protection' THEN g.customer_id = (to_jsonb(coalesce(NEW, OLD))->>'person_id')::bigint
        ELSE g.account_id = (to_jsonb(coalesce(NEW, OLD))->>'account_id')::bigint
    END;
    RETURN NULL;
END $$;
CREATE TRIGGER supply_terms_changed AFTER INSERT OR UPDATE OR DELETE ON registry_agreement_terms
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();
CREATE TRIGGER supply_protection_changed AFTER INSERT OR UPDATE OR DELETE ON registry_protection
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();
CREATE TRIGGER supply_arrear_changed AFTER INSERT OR UPDATE OR DELETE ON registry_arrear
    FOR EACH ROW EXECUTE FUNCTION supply_registry_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("supply", "0005_work"), ("registry", "0011_converted")]

    operations = [
        migrations.RunSQL(_CARRY_OVER, migrations.RunSQL.noop),
        migrations.DeleteModel("Terms"),
        migrations.RunSQL(_CHANGED, "DROP FUNCTION supply_registry_changed CASCADE"),
    ]
