-- What is changed is remembered.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON assets_device
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON assets_device_period
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON assets_seal
    FOR EACH ROW EXECUTE FUNCTION journal_remember();

-- Wishes that are open are found without reading all.
CREATE INDEX assets_configuration_open ON assets_configuration (device_id)
    WHERE desired IS NOT NULL AND desired IS DISTINCT FROM actual;

-- What is billed by a meter that nobody has called here, and from when: taken over is not commissioned.
CREATE FUNCTION in_service_at(period assets_device_period) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    AS 'SELECT coalesce($1.taken_over_at, $1.commissioned_at)';


-- A device's stock says the same as the place where it hangs.
CREATE FUNCTION assets_misplaced(devices bigint[]) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT d.id FROM assets_device d
    LEFT JOIN assets_device_period p ON p.device_id = d.id AND p.valid_to IS NULL
    WHERE d.id = ANY (devices) AND (d.stock = 'installed') <> (p.id IS NOT NULL)
    LIMIT 1
$$;

CREATE FUNCTION assets_stock_agrees() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint[];
    wrong assets_device%ROWTYPE;
BEGIN
    IF TG_TABLE_NAME = 'assets_device' THEN
        which := ARRAY[NEW.id];
    ELSIF TG_OP = 'DELETE' THEN
        which := ARRAY[OLD.device_id];
    ELSIF TG_OP = 'UPDATE' THEN
        which := ARRAY[OLD.device_id, NEW.device_id];
    ELSE
        which := ARRAY[NEW.device_id];
    END IF;
    SELECT * INTO wrong FROM assets_device WHERE id = assets_misplaced(which);
    IF wrong.id IS NOT NULL THEN
        RAISE EXCEPTION 'device % is % in the stock''s words, and its periods say otherwise', wrong.serial, wrong.stock
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assets_stock_agrees';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER assets_stock_agrees AFTER INSERT OR UPDATE OF stock ON assets_device
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION assets_stock_agrees();
CREATE CONSTRAINT TRIGGER assets_stock_agrees AFTER INSERT OR UPDATE OR DELETE ON assets_device_period
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION assets_stock_agrees();


-- New keys stay until the meter has proven them.
CREATE FUNCTION assets_new_keys_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM assets_device WHERE id = OLD.device_id AND wrapped_guek = OLD.wrapped_guek
        AND wrapped_gak = OLD.wrapped_gak) THEN
        RAISE EXCEPTION 'device % may have taken its new keys: they stay until they are its own', OLD.device_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assets_new_keys_stay';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER assets_new_keys_stay BEFORE DELETE ON assets_new_keys
    FOR EACH ROW EXECUTE FUNCTION assets_new_keys_stay();


-- What hung at nodes, with its meters, at one instant and by what was known at another. SECURITY DEFINER: the web reads
-- neither the history, which has what people were called, nor meters' keys.
CREATE FUNCTION assets_placed(nodes bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS TABLE (node_id bigint, service_point_id bigint, consumer_number text, purpose text, phase text, meters bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    at_nodes bigint[];
    places bigint[];
    phases text[];
BEGIN
    SELECT array_agg(p.node_id), array_agg(p.service_point_id), array_agg(p.phase::text)
    INTO at_nodes, places, phases
    FROM journal_held(NULL::network_placement, 'node_id', nodes, valid_at, known_at) p;
    RETURN QUERY EXECUTE '
        SELECT placed.node_id, point.id, point.consumer_number, point.purpose, placed.phase, coalesce(hung.meters, 0)
        FROM unnest($3, $1, $4) AS placed (node_id, service_point_id, phase)
        JOIN (' || journal_known_statement('network_service_point', 'id',
            't.id, t.consumer_number::text, t.purpose::text, t.disconnected_at',
            'r.id, r.consumer_number::text, r.purpose::text, r.disconnected_at') || ') AS point
            ON point.id = placed.service_point_id
        LEFT JOIN (SELECT service_point_id, count(*) AS meters
            FROM journal_held(NULL::assets_device_period, ''service_point_id'', $1, $5, $2)
            GROUP BY service_point_id) AS hung ON hung.service_point_id = point.id
        WHERE point.disconnected_at IS NULL OR point.disconnected_at > $5'
        USING places, known_at, at_nodes, phases, valid_at;
END $$;
REVOKE EXECUTE ON FUNCTION assets_placed FROM PUBLIC;
