CREATE TRIGGER approvals_enrolment_notifies AFTER INSERT ON approvals_enrolment
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();

CREATE TRIGGER approvals_answer_notifies AFTER INSERT ON approvals_answer
    FOR EACH STATEMENT EXECUTE FUNCTION journal_notify_pipeline();
