"""What the thin registry knew, in the new tables: people from accesses, terms from agreements, trees from codes."""

from django.db import migrations

_PEOPLE = """
INSERT INTO registry_person (id, user_id, name, email, phone, language, address, recorded_at, actor)
SELECT DISTINCT ON (x.user_id) (x.account_id >> 40 << 40) + nextval('registry_number'), u.id,
    coalesce(nullif(u.first_name, ''), u.email), u.email, x.phone, x.language, '', x.recorded_at, x.actor
FROM registry_account_access x JOIN auth_user u ON u.id = x.user_id
ORDER BY x.user_id, x.recorded_at, x.id;

UPDATE registry_account_access x SET person_id = p.id FROM registry_person p WHERE p.user_id = x.user_id;

UPDATE registry_agreement g SET customer_id = (
    SELECT x.person_id FROM registry_account_access x
    WHERE x.account_id = g.account_id AND x.role = 'owner' ORDER BY x.recorded_at, x.id LIMIT 1
);
"""

_TERMS = """
INSERT INTO registry_agreement_terms
    (id, agreement_id, tariff_code, sanctioned_load_w, valid_from, valid_to, recorded_at, actor)
SELECT (id >> 40 << 40) + nextval('registry_number'), id, tariff_code, sanctioned_load_w, valid_from, valid_to,
    recorded_at, actor
FROM registry_agreement;
"""

_TREES = """
INSERT INTO registry_node (id, tree, level, code, name, recorded_at, actor)
SELECT nextval('registry_number'), 'grid', 'feeder', feeder, '', min(recorded_at), min(actor)
FROM registry_transformer GROUP BY feeder;

INSERT INTO registry_node (id, tree, level, code, name, recorded_at, actor)
SELECT id, 'grid', 'transformer', code, name, recorded_at, actor FROM registry_transformer;

INSERT INTO registry_node_period (id, node_id, parent_id, valid_from, recorded_at, actor)
SELECT nextval('registry_number'), t.id, f.id, t.recorded_at, t.recorded_at, t.actor
FROM registry_transformer t JOIN registry_node f ON f.level = 'feeder' AND f.code = t.feeder;

INSERT INTO registry_placement (id, service_point_id, tree, node_id, phase, valid_from, recorded_at, actor)
SELECT (s.id >> 40 << 40) + nextval('registry_number'), s.id, 'grid', s.transformer_id, '',
    coalesce((SELECT min(valid_from) FROM registry_device_period WHERE service_point_id = s.id), s.recorded_at),
    s.recorded_at, s.actor
FROM registry_service_point s WHERE s.transformer_id IS NOT NULL;
"""

_DEVICES = """
UPDATE registry_device_period SET commissioned_at = valid_from;

UPDATE registry_device d SET stock = 'removed'
WHERE NOT EXISTS (SELECT FROM registry_device_period p WHERE p.device_id = d.id AND p.valid_to IS NULL);

UPDATE registry_service_point s SET purpose = 'transformer'
WHERE EXISTS (SELECT FROM registry_device_period p WHERE p.service_point_id = s.id AND p.role = 4);

UPDATE registry_premise m SET kind = 'network'
WHERE EXISTS (SELECT FROM registry_service_point s WHERE s.premise_id = m.id AND s.purpose = 'transformer');
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_depth")]

    operations = [
        migrations.RunSQL(part, migrations.RunSQL.noop) for part in (_PEOPLE, _TERMS, _TREES, _DEVICES)
    ]
