CREATE TRIGGER sheets_request_notifies AFTER INSERT ON sheets_request
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();
