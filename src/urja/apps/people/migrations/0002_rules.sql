-- What is changed is remembered.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON people_person
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON people_consent
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON people_protection
    FOR EACH ROW EXECUTE FUNCTION journal_remember();

-- People are searched by the words of their names (docs/adr/0015).
CREATE INDEX people_person_words ON people_person USING gin (journal_words(name));
