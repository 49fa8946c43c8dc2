-- What the web stores is bounded, by person as well, so that one does not keep others from loading statements. The web may
-- not count uploads, so the owner does.
CREATE OR REPLACE FUNCTION bank_upload_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) FROM bank_upload) >= 50 OR (SELECT count(*) FROM bank_upload WHERE user_id = NEW.user_id) >= 20 THEN
        RAISE EXCEPTION '50 uploaded statements wait, or 20 of one person: approve them, or let them expire'
            USING ERRCODE = 'program_limit_exceeded';
    END IF;
    RETURN NEW;
END $$;
