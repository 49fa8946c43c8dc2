-- The pipeline's stages rest until something is recorded for them (urja.pipeline.wake_ups). Equal notifications of a
-- transaction are one.
CREATE FUNCTION journal_notify_pipeline() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('journal_recorded', '');
    RETURN NULL;
END $$;

CREATE TRIGGER journal_request_notifies AFTER INSERT ON journal_request
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();
