"""Who was in the group works in the control room by the registry's own book; the group goes."""

from django.db import migrations

_EMPLOY = """
INSERT INTO registry_employment (id, user_id, role, valid_from, recorded_at, actor)
SELECT nextval('registry_number'), u.id, 'control_room', since.at, since.at, 'migration'
FROM auth_user u
JOIN auth_user_groups m ON m.user_id = u.id
JOIN auth_group g ON g.id = m.group_id AND g.name = 'control_room'
-- Business time may be behind the wall's: they have worked here from the first thing that is written down.
CROSS JOIN LATERAL (
    SELECT least(u.date_joined, (SELECT min(recorded_at) FROM registry_premise)) AS at
) since;
DELETE FROM auth_user_groups WHERE group_id IN (SELECT id FROM auth_group WHERE name = 'control_room');
DELETE FROM auth_group WHERE name = 'control_room';
"""


class Migration(migrations.Migration):
    dependencies = [("console", "0001_control_room"), ("registry", "0009_tokens")]

    operations = [migrations.RunSQL(_EMPLOY, migrations.RunSQL.noop)]
