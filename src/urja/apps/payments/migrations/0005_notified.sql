CREATE TRIGGER payments_order_notifies AFTER INSERT ON payments_order
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();

CREATE TRIGGER payments_inbox_notifies AFTER INSERT ON payments_inbox
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();
