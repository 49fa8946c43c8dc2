"""The old columns go, and the database keeps the registry's rules: what changes is remembered, agreements are
consumers', terms follow each other, trees have no cycles."""

import django.db.models.deletion
from django.db import migrations, models

_REMEMBER = """
CREATE FUNCTION registry_remember() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    operation text := current_setting('urja.operation', true);
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    IF operation IS NULL OR operation = '' THEN
        RAISE EXCEPTION '% changes by operations only (urja.apps.registry.operations)', TG_TABLE_NAME;
    END IF;
    INSERT INTO registry_history (table_name, row_id, action, row, known_to, operation_id)
    VALUES (
        TG_TABLE_NAME, OLD.id, CASE TG_OP WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END, to_jsonb(OLD),
        current_setting('urja.known_at')::timestamptz, operation::bigint
    );
    RETURN NULL;
END $$
"""

_REMEMBERED = (
    "utility",
    "licensee",
    "premise",
    "service_point",
    "node",
    "node_period",
    "placement",
    "device",
    "device_period",
    "seal",
    "person",
    "consent",
    "protection",
    "account_access",
    "employment",
    "agreement",
    "agreement_terms",
    "deposit",
    "arrear",
)

_CONSUMERS_ONLY = """
CREATE FUNCTION registry_consumers_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT purpose FROM registry_service_point WHERE id = NEW.service_point_id FOR SHARE) <> 'consumer' THEN
        RAISE EXCEPTION 'service point % is not a consumer''s: it carries no agreement', NEW.service_point_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_consumers_only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER registry_consumers_only BEFORE INSERT OR UPDATE OF service_point_id ON registry_agreement
FOR EACH ROW EXECUTE FUNCTION registry_consumers_only();

CREATE FUNCTION registry_purpose_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM registry_agreement WHERE service_point_id = NEW.id) THEN
        RAISE EXCEPTION 'service point % has agreements: it stays a consumer''s', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_consumers_only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER registry_purpose_stays BEFORE UPDATE OF purpose ON registry_service_point
FOR EACH ROW WHEN (OLD.purpose = 'consumer' AND NEW.purpose <> 'consumer') EXECUTE FUNCTION registry_purpose_stays();
"""

_TERMS_COVER = """
CREATE FUNCTION registry_terms_cover() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint;
    wrong bigint;
BEGIN
    IF TG_TABLE_NAME = 'registry_agreement' THEN
        which := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        which := OLD.agreement_id;
    ELSE
        which := NEW.agreement_id;
    END IF;
    -- They do not overlap: they cover the agreement where they begin and end with it, and each follows another.
    SELECT a.id INTO wrong
    FROM registry_agreement a
    LEFT JOIN LATERAL (
        SELECT min(valid_from) AS first_at, max(coalesce(valid_to, 'infinity')) AS last_at,
            sum(CASE WHEN follows THEN 0 ELSE 1 END) AS beginnings
        FROM (
            SELECT valid_from, valid_to,
                valid_from IS NOT DISTINCT FROM lag(valid_to) OVER (ORDER BY valid_from) AS follows
            FROM registry_agreement_terms WHERE agreement_id = a.id
        ) term
    ) t ON true
    WHERE a.id = which AND (
        t.first_at IS DISTINCT FROM a.valid_from
        OR t.last_at IS DISTINCT FROM coalesce(a.valid_to, 'infinity')
        OR t.beginnings <> 1
    );
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the terms of agreement % do not cover it from its beginning to its end', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_terms_cover';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER registry_terms_cover AFTER INSERT OR UPDATE ON registry_agreement
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_terms_cover();
CREATE CONSTRAINT TRIGGER registry_terms_cover AFTER INSERT OR UPDATE OR DELETE ON registry_agreement_terms
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_terms_cover();
"""

_TREES_GROW_DOWN = """
CREATE FUNCTION registry_trees_grow_down() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    levels text[] := ARRAY['zone', 'circle', 'division', 'subdivision', 'section',
        'substation', 'feeder', 'transformer', 'pole'];
    child registry_node%ROWTYPE;
    parent registry_node%ROWTYPE;
BEGIN
    SELECT * INTO child FROM registry_node WHERE id = NEW.node_id;
    SELECT * INTO parent FROM registry_node WHERE id = NEW.parent_id;
    IF child.tree <> parent.tree OR array_position(levels, parent.level::text) >= array_position(levels, child.level::text)
    THEN
        RAISE EXCEPTION '% % cannot hang on % %', child.level, child.code, parent.level, parent.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_trees_grow_down';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER registry_trees_grow_down BEFORE INSERT OR UPDATE ON registry_node_period
FOR EACH ROW EXECUTE FUNCTION registry_trees_grow_down();

CREATE FUNCTION registry_placed_in_its_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT tree FROM registry_node WHERE id = NEW.node_id) <> NEW.tree THEN
        RAISE EXCEPTION 'node % is not in the tree %', NEW.node_id, NEW.tree
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_placed_in_its_tree';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER registry_placed_in_its_tree BEFORE INSERT OR UPDATE ON registry_placement
FOR EACH ROW EXECUTE FUNCTION registry_placed_in_its_tree();
"""

_AS_IT_IS_NOW = """
CREATE VIEW registry_transformer AS
SELECT t.id, t.code, t.name, coalesce(f.code, '') AS feeder
FROM registry_node t
LEFT JOIN registry_node_period p ON p.node_id = t.id AND p.valid_to IS NULL
LEFT JOIN registry_node f ON f.id = p.parent_id AND f.level = 'feeder'
WHERE t.level = 'transformer';

CREATE VIEW registry_fed_by AS
SELECT p.service_point_id, t.id AS transformer_id, t.code AS transformer, t.feeder, p.phase
FROM registry_placement p
JOIN registry_node n ON n.id = p.node_id
LEFT JOIN registry_node_period up ON up.node_id = n.id AND up.valid_to IS NULL
JOIN registry_transformer t ON t.id = CASE n.level WHEN 'pole' THEN up.parent_id ELSE n.id END
WHERE p.tree = 'grid' AND p.valid_to IS NULL;
"""
"""What feeds what now; questions about the past ask the periods themselves."""

_APPEND_ONLY = """
CREATE FUNCTION registry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME;
END $$;
CREATE TRIGGER registry_append_only BEFORE UPDATE OR DELETE ON registry_personal_read
FOR EACH ROW EXECUTE FUNCTION registry_append_only();
CREATE TRIGGER registry_operations_stay BEFORE DELETE ON registry_operation
FOR EACH ROW EXECUTE FUNCTION registry_append_only();
CREATE TRIGGER registry_operations_do_not_change BEFORE UPDATE ON registry_operation
FOR EACH ROW WHEN (
    (OLD.kind, OLD.content, OLD.actor, OLD.recorded_at) IS DISTINCT FROM (NEW.kind, NEW.content, NEW.actor, NEW.recorded_at)
    OR OLD.undone_by_id IS NOT NULL AND OLD.undone_by_id IS DISTINCT FROM NEW.undone_by_id
) EXECUTE FUNCTION registry_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_carried_over")]

    operations = [
        migrations.RemoveField(
            model_name="servicepoint",
            name="transformer",
        ),
        migrations.RemoveConstraint(
            model_name="accountaccess",
            name="registry_one_access",
        ),
        migrations.RemoveConstraint(
            model_name="accountaccess",
            name="registry_phone_is_a_number",
        ),
        migrations.RemoveConstraint(
            model_name="agreement",
            name="registry_sanctioned_load",
        ),
        migrations.AddConstraint(
            model_name="accountaccess",
            constraint=models.UniqueConstraint(fields=("person", "account"), name="registry_one_access"),
        ),
        migrations.DeleteModel(
            name="Transformer",
        ),
        migrations.RemoveField(
            model_name="accountaccess",
            name="language",
        ),
        migrations.RemoveField(
            model_name="accountaccess",
            name="phone",
        ),
        migrations.RemoveField(
            model_name="accountaccess",
            name="user",
        ),
        migrations.RemoveField(
            model_name="agreement",
            name="sanctioned_load_w",
        ),
        migrations.RemoveField(
            model_name="agreement",
            name="tariff_code",
        ),
        migrations.AlterField(
            model_name="accountaccess",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="accesses", to="registry.person"
            ),
        ),
        migrations.RunSQL(_REMEMBER, "DROP FUNCTION registry_remember()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER registry_remember AFTER UPDATE OR DELETE ON registry_{table} "
                "FOR EACH ROW EXECUTE FUNCTION registry_remember()",
                f"DROP TRIGGER registry_remember ON registry_{table}",
            )
            for table in _REMEMBERED
        ),
        migrations.RunSQL(_CONSUMERS_ONLY, migrations.RunSQL.noop),
        migrations.RunSQL(_TERMS_COVER, migrations.RunSQL.noop),
        migrations.RunSQL(_TREES_GROW_DOWN, migrations.RunSQL.noop),
        migrations.RunSQL(_AS_IT_IS_NOW, migrations.RunSQL.noop),
        migrations.RunSQL(_APPEND_ONLY, migrations.RunSQL.noop),
    ]
