-- Views of people for other apps.
CREATE VIEW people.person WITH (security_invoker) AS
SELECT id, name, address, phone, email, language, user_id, nameless_at FROM people_person;

CREATE VIEW people.protection WITH (security_invoker) AS
SELECT id, person_id, kind, valid_from, valid_to FROM people_protection;
