-- A person stores some of the uploads, so that one does not keep others from loading theirs.
CREATE OR REPLACE FUNCTION sheets_few_uploads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One after the other: two at once would not see each other.
    PERFORM pg_advisory_xact_lock(hashtext('sheets_few_uploads'));
    IF (SELECT count(*) FROM sheets_upload) >= 60 OR (SELECT count(*) FROM sheets_upload WHERE actor = NEW.actor) >= 15 THEN
        RAISE EXCEPTION 'too many uploads are stored' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
