"""Whether one service point, or one person, is in an area: up the trees from it, however large the area is."""

from django.db import migrations

# Its cost keeps the planner from asking it of all rows first: it is for the few that a list shows.
_IN_AREA = """
CREATE FUNCTION registry_in_area(place bigint, nodes bigint[], premises bigint[], at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100 AS $$
DECLARE
    here bigint;
BEGIN
    IF cardinality(nodes) > 0 THEN
        SELECT p.node_id INTO here FROM registry_placement p
        WHERE p.service_point_id = place AND p.tree = 'administration'
            AND p.valid_from <= at AND coalesce(p.valid_to, 'infinity') > at;
        WHILE here IS NOT NULL LOOP
            IF here = ANY (nodes) THEN
                RETURN true;
            END IF;
            SELECT (SELECT p.parent_id FROM registry_node_period p
                WHERE p.node_id = here AND p.valid_from <= at AND coalesce(p.valid_to, 'infinity') > at) INTO here;
        END LOOP;
    END IF;
    IF cardinality(premises) > 0 THEN
        SELECT s.premise_id INTO here FROM registry_service_point s WHERE s.id = place;
        WHILE here IS NOT NULL LOOP
            IF here = ANY (premises) THEN
                RETURN true;
            END IF;
            SELECT m.parent_id INTO here FROM registry_premise m WHERE m.id = here;
        END LOOP;
    END IF;
    RETURN false;
END $$;

CREATE FUNCTION registry_person_in_area(who bigint, nodes bigint[], premises bigint[], at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 200 AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM registry_agreement g
        WHERE g.customer_id = who AND registry_in_area(g.service_point_id, nodes, premises, at)
    ) OR EXISTS (
        SELECT FROM registry_account_access x JOIN registry_agreement g ON g.account_id = x.account_id
        WHERE x.person_id = who AND registry_in_area(g.service_point_id, nodes, premises, at)
    );
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_converted")]

    operations = [migrations.RunSQL(_IN_AREA, "DROP FUNCTION registry_person_in_area, registry_in_area")]
