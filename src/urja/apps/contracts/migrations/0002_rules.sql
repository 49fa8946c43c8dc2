-- What is changed is remembered.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON contracts_agreement
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON contracts_agreement_terms
    FOR EACH ROW EXECUTE FUNCTION journal_remember();


-- Agreements are consumers'.
CREATE FUNCTION contracts_consumers_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT purpose FROM network_service_point WHERE id = NEW.service_point_id FOR SHARE) <> 'consumer' THEN
        RAISE EXCEPTION 'service point % is not a consumer''s: it carries no agreement', NEW.service_point_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contracts_consumers_only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contracts_consumers_only BEFORE INSERT OR UPDATE OF service_point_id ON contracts_agreement
    FOR EACH ROW EXECUTE FUNCTION contracts_consumers_only();

CREATE FUNCTION contracts_purpose_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM contracts_agreement WHERE service_point_id = NEW.id) THEN
        RAISE EXCEPTION 'service point % has agreements: it stays a consumer''s', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contracts_consumers_only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contracts_purpose_stays BEFORE UPDATE OF purpose ON network_service_point
    FOR EACH ROW WHEN (OLD.purpose = 'consumer' AND NEW.purpose <> 'consumer') EXECUTE FUNCTION contracts_purpose_stays();


-- Terms follow each other, from the beginning of their agreement to its end.
CREATE FUNCTION contracts_terms_cover() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint;
    wrong bigint;
BEGIN
    IF TG_TABLE_NAME = 'contracts_agreement' THEN
        which := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        which := OLD.agreement_id;
    ELSE
        which := NEW.agreement_id;
    END IF;
    -- They do not overlap: they cover the agreement where they begin and end with it, and each follows another.
    SELECT a.id INTO wrong
    FROM contracts_agreement a
    LEFT JOIN LATERAL (
        SELECT min(valid_from) AS first_at, max(coalesce(valid_to, 'infinity')) AS last_at,
            sum(CASE WHEN follows THEN 0 ELSE 1 END) AS beginnings
        FROM (
            SELECT valid_from, valid_to,
                valid_from IS NOT DISTINCT FROM lag(valid_to) OVER (ORDER BY valid_from) AS follows
            FROM contracts_agreement_terms WHERE agreement_id = a.id
        ) term
    ) t ON true
    WHERE a.id = which AND (
        t.first_at IS DISTINCT FROM a.valid_from
        OR t.last_at IS DISTINCT FROM coalesce(a.valid_to, 'infinity')
        OR t.beginnings <> 1
    );
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the terms of agreement % do not cover it from its beginning to its end', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'contracts_terms_cover';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER contracts_terms_cover AFTER INSERT OR UPDATE ON contracts_agreement
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION contracts_terms_cover();
CREATE CONSTRAINT TRIGGER contracts_terms_cover AFTER INSERT OR UPDATE OR DELETE ON contracts_agreement_terms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION contracts_terms_cover();


-- Whether a person is in an area, by the connections that they have.
CREATE FUNCTION contracts_person_in_area(who bigint, nodes bigint[], premises bigint[], at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 200 AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM contracts_agreement g
        WHERE g.customer_id = who AND network_in_area(g.service_point_id, nodes, premises, at)
    ) OR EXISTS (
        SELECT FROM identity_account_access x JOIN contracts_agreement g ON g.account_id = x.account_id
        WHERE x.person_id = who AND network_in_area(g.service_point_id, nodes, premises, at)
    );
END $$;


-- Rows as they were known at an instant: those of today, and what the history has of those before. It is here because
-- agreements are the highest of the tables that it may be asked about. SECURITY DEFINER: the web reads neither the
-- history, which has what people were called, nor meters' keys; nothing that is wrapped is shown, whatever it is called.
CREATE FUNCTION contracts_known(of_table text, by_column text, of bigint[], at timestamptz)
RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF of_table <> ALL ('{network_premise,network_service_point,network_node,network_node_period,network_placement,
assets_device,assets_device_period,contracts_agreement,contracts_agreement_terms,people_person}')
        OR by_column <> ALL ('{id,service_point_id,device_id,agreement_id,node_id,parent_id}') THEN
        RAISE EXCEPTION 'nobody asks what was known of % by %', of_table, by_column;
    END IF;
    RETURN QUERY EXECUTE
        'SELECT state - ARRAY(SELECT key FROM jsonb_object_keys(state) AS key WHERE starts_with(key, ''wrapped_'')) FROM ('
        || journal_known_statement(of_table, by_column, 't.id, to_jsonb(t) AS state', 'h.row_id, h.row')
        || ') AS known ORDER BY id' USING of, at;
END $$;
REVOKE EXECUTE ON FUNCTION contracts_known FROM PUBLIC;
