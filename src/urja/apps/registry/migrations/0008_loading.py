"""Whole files come in: premises have a code, rules that are asked row by row are asked once a statement while a file is
loaded, and a device's stock says the same as the place where it hangs."""

from django.db import migrations, models

# Statement by statement is the stricter way, not a looser one: a transaction that says `urja.by_statement` must have
# everything in order at the end of each statement, where the others have until their end. Changes and deletions are
# judged row by row in both.
_BY_STATEMENT = """
CREATE FUNCTION registry_by_statement() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('urja.by_statement', true), '') = 'on'
$$;

DROP TRIGGER registry_consumers_only ON registry_agreement;
CREATE TRIGGER registry_consumers_only BEFORE UPDATE OF service_point_id ON registry_agreement
FOR EACH ROW EXECUTE FUNCTION registry_consumers_only();
CREATE TRIGGER registry_consumers_only_new BEFORE INSERT ON registry_agreement
FOR EACH ROW WHEN (NOT registry_by_statement()) EXECUTE FUNCTION registry_consumers_only();

DROP TRIGGER registry_terms_cover ON registry_agreement;
CREATE CONSTRAINT TRIGGER registry_terms_cover AFTER UPDATE ON registry_agreement
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_terms_cover();
CREATE CONSTRAINT TRIGGER registry_terms_cover_new AFTER INSERT ON registry_agreement
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT registry_by_statement()) EXECUTE FUNCTION registry_terms_cover();

DROP TRIGGER registry_terms_cover ON registry_agreement_terms;
CREATE CONSTRAINT TRIGGER registry_terms_cover AFTER UPDATE OR DELETE ON registry_agreement_terms
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_terms_cover();
CREATE CONSTRAINT TRIGGER registry_terms_cover_new AFTER INSERT ON registry_agreement_terms
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT registry_by_statement()) EXECUTE FUNCTION registry_terms_cover();

CREATE FUNCTION registry_agreements_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    IF NOT registry_by_statement() THEN
        RETURN NULL;
    END IF;
    PERFORM FROM registry_service_point WHERE id IN (SELECT service_point_id FROM made) FOR SHARE;
    SELECT s.id INTO wrong FROM made m JOIN registry_service_point s ON s.id = m.service_point_id
    WHERE s.purpose <> 'consumer' LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'service point % is not a consumer''s: it carries no agreement', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_consumers_only';
    END IF;
    wrong := registry_uncovered(ARRAY(SELECT id FROM made));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the terms of agreement % do not cover it from its beginning to its end', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_terms_cover';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER registry_agreements_in_order AFTER INSERT ON registry_agreement
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION registry_agreements_in_order();

CREATE FUNCTION registry_terms_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    IF NOT registry_by_statement() THEN
        RETURN NULL;
    END IF;
    wrong := registry_uncovered(ARRAY(SELECT DISTINCT agreement_id FROM made));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the terms of agreement % do not cover it from its beginning to its end', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_terms_cover';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER registry_terms_in_order AFTER INSERT ON registry_agreement_terms
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION registry_terms_in_order();

CREATE FUNCTION registry_uncovered(agreements bigint[]) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT a.id
    FROM registry_agreement a
    LEFT JOIN (
        SELECT agreement_id, min(valid_from) AS first_at, max(coalesce(valid_to, 'infinity')) AS last_at,
            count(*) FILTER (WHERE NOT follows) AS beginnings
        FROM (
            SELECT agreement_id, valid_from, valid_to, valid_from IS NOT DISTINCT FROM
                lag(valid_to) OVER (PARTITION BY agreement_id ORDER BY valid_from) AS follows
            FROM registry_agreement_terms WHERE agreement_id = ANY (agreements)
        ) term
        GROUP BY agreement_id
    ) t ON t.agreement_id = a.id
    WHERE a.id = ANY (agreements) AND (
        t.first_at IS DISTINCT FROM a.valid_from
        OR t.last_at IS DISTINCT FROM coalesce(a.valid_to, 'infinity')
        OR t.beginnings <> 1
    )
    LIMIT 1
$$;
"""

_ONE_PLACE = """
CREATE FUNCTION registry_misplaced(devices bigint[]) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT d.id FROM registry_device d
    LEFT JOIN registry_device_period p ON p.device_id = d.id AND p.valid_to IS NULL
    WHERE d.id = ANY (devices) AND (d.stock = 'installed') <> (p.id IS NOT NULL)
    LIMIT 1
$$;

CREATE FUNCTION registry_stock_agrees() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint[];
    wrong registry_device%ROWTYPE;
BEGIN
    IF TG_TABLE_NAME = 'registry_device' THEN
        which := ARRAY[NEW.id];
    ELSIF TG_OP = 'DELETE' THEN
        which := ARRAY[OLD.device_id];
    ELSIF TG_OP = 'UPDATE' THEN
        which := ARRAY[OLD.device_id, NEW.device_id];
    ELSE
        which := ARRAY[NEW.device_id];
    END IF;
    SELECT * INTO wrong FROM registry_device WHERE id = registry_misplaced(which);
    IF wrong.id IS NOT NULL THEN
        RAISE EXCEPTION 'device % is % in the stock''s words, and its periods say otherwise', wrong.serial, wrong.stock
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_stock_agrees';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER registry_stock_agrees AFTER UPDATE OF stock ON registry_device
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_stock_agrees();
CREATE CONSTRAINT TRIGGER registry_stock_agrees_new AFTER INSERT ON registry_device
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT registry_by_statement()) EXECUTE FUNCTION registry_stock_agrees();
CREATE CONSTRAINT TRIGGER registry_stock_agrees AFTER UPDATE OR DELETE ON registry_device_period
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_stock_agrees();
CREATE CONSTRAINT TRIGGER registry_stock_agrees_new AFTER INSERT ON registry_device_period
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT registry_by_statement()) EXECUTE FUNCTION registry_stock_agrees();

CREATE FUNCTION registry_devices_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint[];
    wrong bigint;
BEGIN
    IF NOT registry_by_statement() THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'registry_device' THEN
        which := ARRAY(SELECT id FROM made);
    ELSE
        which := ARRAY(SELECT DISTINCT device_id FROM made);
    END IF;
    wrong := registry_misplaced(which);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'device % is not where its stock says', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_stock_agrees';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER registry_devices_in_order AFTER INSERT ON registry_device
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION registry_devices_in_order();
CREATE TRIGGER registry_devices_in_order AFTER INSERT ON registry_device_period
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION registry_devices_in_order();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_rules")]

    operations = [
        migrations.AddField(
            model_name="premise",
            name="code",
            field=models.CharField(max_length=64, null=True, unique=True),
        ),
        migrations.RunSQL(_BY_STATEMENT, migrations.RunSQL.noop),
        migrations.RunSQL(_ONE_PLACE, migrations.RunSQL.noop),
    ]
