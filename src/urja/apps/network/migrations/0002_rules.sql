-- What is changed is remembered.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_utility
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_licensee
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_premise
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_service_point
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_node
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_node_period
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON network_placement
    FOR EACH ROW EXECUTE FUNCTION journal_remember();


-- Trees have no cycles: a node hangs on one of a level above its own, in its own tree.
CREATE FUNCTION network_trees_grow_down() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    levels text[] := ARRAY['zone', 'circle', 'division', 'subdivision', 'section',
        'substation', 'feeder', 'transformer', 'pole'];
    child network_node%ROWTYPE;
    parent network_node%ROWTYPE;
BEGIN
    SELECT * INTO child FROM network_node WHERE id = NEW.node_id;
    SELECT * INTO parent FROM network_node WHERE id = NEW.parent_id;
    IF child.tree <> parent.tree OR array_position(levels, parent.level::text) >= array_position(levels, child.level::text)
    THEN
        RAISE EXCEPTION '% % cannot hang on % %', child.level, child.code, parent.level, parent.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'network_trees_grow_down';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER network_trees_grow_down BEFORE INSERT OR UPDATE ON network_node_period
    FOR EACH ROW EXECUTE FUNCTION network_trees_grow_down();

CREATE FUNCTION network_placed_in_its_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT tree FROM network_node WHERE id = NEW.node_id) <> NEW.tree THEN
        RAISE EXCEPTION 'node % is not in the tree %', NEW.node_id, NEW.tree
            USING ERRCODE = 'check_violation', CONSTRAINT = 'network_placed_in_its_tree';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER network_placed_in_its_tree BEFORE INSERT OR UPDATE ON network_placement
    FOR EACH ROW EXECUTE FUNCTION network_placed_in_its_tree();


-- Premises are searched by the words of their names and addresses; societies and complexes apart, as flats are found by
-- them (docs/adr/0015).
CREATE INDEX network_premise_words ON network_premise
    USING gin (journal_words(name || ' ' || address || ' ' || pin_code));
CREATE INDEX network_premise_whole_words ON network_premise
    USING gin (journal_words(name || ' ' || address || ' ' || pin_code)) WHERE kind IN ('society', 'complex');


-- Transformers, and which of them feeds a service point.
CREATE VIEW network_transformer AS
SELECT t.id, t.code, t.name, coalesce(f.code, '') AS feeder
FROM network_node t
LEFT JOIN network_node_period p ON p.node_id = t.id AND p.valid_to IS NULL
LEFT JOIN network_node f ON f.id = p.parent_id AND f.level = 'feeder'
WHERE t.level = 'transformer';

CREATE VIEW network_fed_by AS
SELECT p.service_point_id, t.id AS transformer_id, t.code AS transformer, t.feeder, p.phase
FROM network_placement p
JOIN network_node n ON n.id = p.node_id
LEFT JOIN network_node_period up ON up.node_id = n.id AND up.valid_to IS NULL
JOIN network_transformer t ON t.id = CASE n.level WHEN 'pole' THEN up.parent_id ELSE n.id END
WHERE p.tree = 'grid' AND p.valid_to IS NULL;


-- Whether one service point is in an area: up the trees from it, however large the area is. Its cost keeps the planner
-- from asking it of all rows first: it is for the few that a list shows.
CREATE FUNCTION network_in_area(place bigint, nodes bigint[], premises bigint[], at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100 AS $$
DECLARE
    here bigint;
BEGIN
    IF cardinality(nodes) > 0 THEN
        SELECT p.node_id INTO here FROM network_placement p
        WHERE p.service_point_id = place AND p.tree = 'administration'
            AND p.valid_from <= at AND coalesce(p.valid_to, 'infinity') > at;
        WHILE here IS NOT NULL LOOP
            IF here = ANY (nodes) THEN
                RETURN true;
            END IF;
            SELECT (SELECT p.parent_id FROM network_node_period p
                WHERE p.node_id = here AND p.valid_from <= at AND coalesce(p.valid_to, 'infinity') > at) INTO here;
        END LOOP;
    END IF;
    IF cardinality(premises) > 0 THEN
        SELECT s.premise_id INTO here FROM network_service_point s WHERE s.id = place;
        WHILE here IS NOT NULL LOOP
            IF here = ANY (premises) THEN
                RETURN true;
            END IF;
            SELECT m.parent_id INTO here FROM network_premise m WHERE m.id = here;
        END LOOP;
    END IF;
    RETURN false;
END $$;


-- Both trees as they were valid at one instant, by what was known at another, for any number of nodes in one go.
-- SECURITY DEFINER: the web reads neither the history, which has what people were called, nor meters' keys.
CREATE FUNCTION network_below(tops bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS TABLE (top bigint, node_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    under bigint[] := tops;
    level bigint[] := tops;
BEGIN
    -- Trees grow down: each turn is a level below the one before.
    WHILE level IS NOT NULL LOOP
        RETURN QUERY SELECT * FROM unnest(under, level);
        SELECT array_agg(u.top), array_agg(p.node_id) INTO under, level
        FROM unnest(under, level) AS u (top, node)
        JOIN journal_held(NULL::network_node_period, 'parent_id', level, valid_at, known_at) p ON p.parent_id = u.node;
    END LOOP;
END $$;

CREATE FUNCTION network_nodes(valid_at timestamptz, known_at timestamptz, with_code text DEFAULT NULL)
RETURNS TABLE (node_id bigint, parent_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    nodes bigint[];
BEGIN
    SELECT array_agg(id) INTO nodes FROM (
        SELECT id FROM network_node WHERE with_code IS NULL OR code = with_code
        UNION SELECT row_id FROM journal_history
        WHERE table_name = 'network_node' AND (with_code IS NULL OR row->>'code' = with_code)) AS ever;
    RETURN QUERY EXECUTE '
        SELECT node.id, up.parent_id FROM ('
        || journal_known_statement('network_node', 'id', 't.id, t.code', 'r.id, r.code') || ') AS node
        LEFT JOIN journal_held(NULL::network_node_period, ''node_id'', $1, $3, $2) up ON up.node_id = node.id
        WHERE $4 IS NULL OR node.code = $4' USING nodes, known_at, valid_at, with_code;
END $$;

CREATE FUNCTION network_roots(valid_at timestamptz, known_at timestamptz) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    roots bigint[] := ARRAY(SELECT node_id FROM network_nodes(valid_at, known_at) WHERE parent_id IS NULL);
BEGIN
    -- What hung on something only later, and had nothing under it, was not there yet.
    RETURN QUERY EXECUTE '
        SELECT root.id FROM unnest($1) AS root (id)
        WHERE root.id NOT IN (SELECT node_id FROM ('
        || journal_known_statement('network_node_period', 'node_id', 't.node_id, t.valid_from', 'r.node_id, r.valid_from')
        || ') AS later WHERE valid_from > $3)
            OR root.id IN (SELECT parent_id FROM journal_held(NULL::network_node_period, ''parent_id'', $1, $3, $2))
            OR root.id IN (SELECT node_id FROM journal_held(NULL::network_placement, ''node_id'', $1, $3, $2))'
        USING roots, known_at, valid_at;
END $$;
REVOKE EXECUTE ON FUNCTION network_below, network_nodes, network_roots FROM PUBLIC;
