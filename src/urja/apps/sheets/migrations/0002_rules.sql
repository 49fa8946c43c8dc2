CREATE SEQUENCE sheets_number AS bigint;

-- As `urja.apps.sheets.kinds` says, for any other way of writing: a stolen web does not fill the disk.
ALTER TABLE sheets_upload ADD CONSTRAINT sheets_upload_is_small CHECK (octet_length(content) BETWEEN 1 AND 5242880);
ALTER TABLE sheets_request ADD CONSTRAINT sheets_request_map_is_small CHECK (octet_length(map::text) < 65536);

CREATE FUNCTION sheets_few_uploads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One after the other: two at once would not see each other.
    PERFORM pg_advisory_xact_lock(hashtext('sheets_few_uploads'));
    IF (SELECT count(*) FROM sheets_upload) >= 60 THEN
        RAISE EXCEPTION 'too many uploads are stored' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sheets_few_uploads BEFORE INSERT ON sheets_upload FOR EACH ROW EXECUTE FUNCTION sheets_few_uploads();

CREATE FUNCTION sheets_few_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('sheets_few_uploads'));
    IF (SELECT count(*) FROM sheets_request WHERE upload_id = NEW.upload_id AND state = 'waiting') >= 3
        OR (SELECT count(*) FROM sheets_request WHERE upload_id = NEW.upload_id) >= 100 THEN
        RAISE EXCEPTION 'too many requests of upload % are stored', NEW.upload_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sheets_few_requests BEFORE INSERT ON sheets_request
    FOR EACH ROW EXECUTE FUNCTION sheets_few_requests();
