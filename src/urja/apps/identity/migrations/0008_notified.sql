CREATE TRIGGER identity_sign_in_code_notifies AFTER INSERT ON identity_sign_in_code
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();
