-- Numbers of what operations make, and of operations themselves.
CREATE SEQUENCE journal_number AS bigint;

-- Moves with every change that matters to ingest. One row, so that changes are seen in the order in which they were
-- committed; adoptions wait for each other for the length of a short transaction.
CREATE TABLE journal_revision (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);
INSERT INTO journal_revision (revision) VALUES (0);

-- A request is recorded by the columns that say what is asked for; the others have their first values from here.
ALTER TABLE journal_request ALTER COLUMN state SET DEFAULT 'waiting', ALTER COLUMN faults SET DEFAULT '[]',
    ALTER COLUMN effects SET DEFAULT '{}';


-- What was there before: each table whose changes are remembered has this as its trigger.
CREATE FUNCTION journal_remember() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    operation text := current_setting('urja.operation', true);
BEGIN
    IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    IF operation IS NULL OR operation = '' THEN
        RAISE EXCEPTION '% changes by operations only (urja.usecases.performing)', TG_TABLE_NAME;
    END IF;
    INSERT INTO journal_history (table_name, row_id, action, row, known_to, operation_id)
    VALUES (
        TG_TABLE_NAME, OLD.id, CASE TG_OP WHEN 'UPDATE' THEN 'updated' ELSE 'deleted' END, to_jsonb(OLD),
        current_setting('urja.known_at')::timestamptz, operation::bigint
    );
    RETURN NULL;
END $$;


-- What was asked for and done is only ever added to.
CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME;
END $$;

CREATE FUNCTION journal_operations_stay_as_they_are() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only notices_forget, which runs as the owner, takes something out of what was asked for.
    IF current_setting('urja.forgetting', true) = 'yes'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
        AND (OLD.kind, OLD.actor, OLD.recorded_at) IS NOT DISTINCT FROM (NEW.kind, NEW.actor, NEW.recorded_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME;
END $$;

CREATE TRIGGER journal_operations_stay BEFORE DELETE ON journal_operation
    FOR EACH ROW EXECUTE FUNCTION journal_append_only();
CREATE TRIGGER journal_operations_do_not_change BEFORE UPDATE ON journal_operation
    FOR EACH ROW WHEN (
        (OLD.kind, OLD.content, OLD.actor, OLD.recorded_at) IS DISTINCT FROM (NEW.kind, NEW.content, NEW.actor, NEW.recorded_at)
        OR OLD.undone_by_id IS NOT NULL AND OLD.undone_by_id IS DISTINCT FROM NEW.undone_by_id
    ) EXECUTE FUNCTION journal_operations_stay_as_they_are();


-- Words that name a person, as they are compared and as they are taken out.
CREATE FUNCTION journal_plain(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(lower(value), '[\s()-]', '', 'g')
$$;

-- A document without the strings that say no more than one of the words.
CREATE FUNCTION journal_without(content jsonb, words text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    CASE jsonb_typeof(content)
    WHEN 'object' THEN
        RETURN coalesce(
            (SELECT jsonb_object_agg(key, journal_without(value, words)) FROM jsonb_each(content)), '{}');
    WHEN 'array' THEN
        RETURN coalesce(
            (SELECT jsonb_agg(journal_without(item, words) ORDER BY number)
            FROM jsonb_array_elements(content) WITH ORDINALITY AS e (item, number)), '[]');
    WHEN 'string' THEN
        RETURN CASE WHEN journal_plain(content #>> '{}') = ANY(words) THEN '""'::jsonb ELSE content END;
    ELSE
        RETURN content;
    END CASE;
END $$;


-- Words that people search by. Punctuation is ASCII's and spaces alone: a locale's idea of a letter leaves out the vowel
-- signs of Indian scripts (docs/adr/0015).
CREATE FUNCTION journal_words(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_remove(regexp_split_to_array(lower(said), '[\s!-/:-@\[-`{-~]+'), ''))
$$;


-- The one statement of what was known when, of all rows that `by_column` ties to the keys $1, known at $2: rows that
-- have not changed since, and of those that have the state before the first change. `recorded_at` says since when a row
-- was known. A row that was deleted and put back by an undoing was away meanwhile. What a present row shows is said of
-- `t`, what one of the history shows of `h` and `r`.
CREATE FUNCTION journal_known_statement(of_table text, by_column text, present text, past text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT format('
        SELECT %3$s FROM %1$I t
        WHERE t.%2$I = ANY ($1) AND t.recorded_at <= $2
            AND NOT EXISTS (SELECT FROM journal_history h
                WHERE h.table_name = %1$L AND h.row_id = t.id AND h.known_to > $2)
            AND t.id NOT IN (SELECT away.id FROM journal_away(%1$L, $2) AS away (id))
        UNION ALL
        SELECT %4$s FROM journal_history h CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$I, h.row) r
        WHERE h.table_name = %1$L AND h.known_to > $2 AND %5$s AND r.recorded_at <= $2
            AND NOT EXISTS (SELECT FROM journal_history e
                WHERE e.table_name = %1$L AND e.row_id = h.row_id AND e.known_to > $2
                    AND (e.known_to, e.id) < (h.known_to, h.id))
            AND h.row_id NOT IN (SELECT away.id FROM journal_away(%1$L, $2) AS away (id))',
        of_table, by_column, present, past,
        CASE by_column WHEN 'id' THEN 'h.row_id = ANY ($1)'
            ELSE format('h.row ? %1$L AND (h.row->>%1$L)::bigint = ANY ($1)', by_column) END)
$$;

CREATE FUNCTION journal_away(of_table text, at timestamptz) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT d.row_id FROM journal_history d
    LEFT JOIN journal_operation o ON o.id = d.operation_id
    LEFT JOIN journal_operation u ON u.id = o.undone_by_id
    WHERE d.table_name = of_table AND d.action = 'deleted' AND d.known_to <= at
        AND (u.id IS NULL OR u.recorded_at > at)
        AND NOT EXISTS (SELECT FROM journal_history l
            WHERE l.table_name = of_table AND l.row_id = d.row_id AND l.known_to <= at
                AND (l.known_to, l.id) > (d.known_to, d.id))
$$;

-- Rows of one table that held at one instant, by what was known at another.
CREATE FUNCTION journal_held(kind anyelement, by_column text, of bigint[], valid_at timestamptz, known_at timestamptz)
RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT * FROM ('
        || journal_known_statement(pg_typeof(kind)::text, by_column, 't.*', 'r.*')
        || ') AS known WHERE valid_from <= $3 AND coalesce(valid_to, ''infinity'') > $3'
        USING of, known_at, valid_at;
END $$;
REVOKE EXECUTE ON FUNCTION journal_known_statement, journal_away, journal_held FROM PUBLIC;

-- The history by what its rows are of.
CREATE INDEX journal_history_deleted ON journal_history (table_name, known_to) WHERE action = 'deleted';
CREATE INDEX journal_history_place ON journal_history (((row->>'service_point_id')::bigint))
    WHERE row ? 'service_point_id';
CREATE INDEX journal_history_device ON journal_history (((row->>'device_id')::bigint)) WHERE row ? 'device_id';
CREATE INDEX journal_history_agreement ON journal_history (((row->>'agreement_id')::bigint))
    WHERE row ? 'agreement_id';
CREATE INDEX journal_history_node ON journal_history (((row->>'node_id')::bigint)) WHERE row ? 'node_id';
CREATE INDEX journal_history_parent ON journal_history (((row->>'parent_id')::bigint)) WHERE row ? 'parent_id';
