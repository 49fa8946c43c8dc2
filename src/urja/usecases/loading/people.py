"""Who has a row's connection: a person by the outside system's number or by e-mail, or one of this row alone."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Mapping
from typing import Final

from urja.usecases.loading import ownership
from urja.usecases.loading.staging import Load

_COLUMNS: Final = {
    "person_name": "name",
    "email": "email",
    "phone": "phone",
    "language": "language",
    "postal_address": "address",
}
_NEXT: Final = "({bucket} << 40 | nextval('registry_number'))"
_FOUND: Final = "load_row r JOIN load_found f USING (n)"

_IS_STAFF: Final = "EXISTS (SELECT FROM registry_employment e WHERE e.user_id = u.id)"

KEY: Final = (
    "CASE WHEN r.person_name IS NULL THEN NULL WHEN r.person_id IS NOT NULL THEN 'x' || r.person_id "
    "WHEN r.email IS NOT NULL THEN 'e' || lower(r.email) END"
)
"""By what a file knows a person in several rows, in SQL."""


def find(load: Load) -> None:
    """`load_who`: the people that are known by an outside number or by an e-mail address of the file."""
    load.run("UPDATE load_row SET email = lower(email) WHERE email <> lower(email)")
    load.run(
        "CREATE TEMP TABLE load_who ON COMMIT DROP AS "
        "SELECT 'x' || x.external_id AS key, x.object_id AS id FROM registry_external x "
        "WHERE x.system = %(system)s AND x.kind = 'person' "
        "AND x.external_id IN (SELECT person_id FROM load_row WHERE person_id IS NOT NULL) "
        "UNION ALL SELECT 'e' || lower(u.email), min(p.id) FROM registry_person p JOIN auth_user u ON u.id = p.user_id "
        "WHERE lower(u.email) IN (SELECT email FROM load_row WHERE email IS NOT NULL) GROUP BY lower(u.email)"
    )
    load.run("ANALYZE load_who")


def check(load: Load) -> None:
    for name in (name for name in _COLUMNS if load.covers(name)):
        load.fault(
            name,
            "'row ' || r.first || ' says another thing of the same person'",
            "make them the same, or give the people numbers or e-mail addresses of their own",
            f"(SELECT r.*, first_value(r.n) OVER w AS first, first_value({load.value(name)}) OVER w AS said "
            f"FROM {_FOUND} WHERE f.person_key IS NOT NULL WINDOW w AS (PARTITION BY f.person_key ORDER BY n)) r "
            f"WHERE {load.value(name)} IS DISTINCT FROM r.said",
        )
    load.fault(
        "email",
        "'another person in row ' || r.first || ' has it'",
        "give each person an address of their own, or leave it empty",
        "(SELECT r.*, f.person_key, first_value(r.n) OVER w AS first, first_value(f.person_key) OVER w AS said "
        f"FROM {_FOUND} WHERE r.email IS NOT NULL AND r.person_name IS NOT NULL "
        "WINDOW w AS (PARTITION BY r.email ORDER BY n)) r WHERE r.person_key <> r.said",
    )
    load.fault(
        "email",
        "'it is that of ' || p.name",
        "write the name as it is known, or give the person an address of their own",
        f"{_FOUND} JOIN load_who w ON w.key = 'e' || r.email JOIN registry_person p ON p.id = w.id "
        "WHERE r.person_name IS NOT NULL AND (f.person_id <> p.id OR f.customer_id IS NULL AND r.person_id IS NULL "
        "AND p.name <> r.person_name)",
    )
    load.fault(
        "email",
        "'somebody else signs in with it'",
        "give the person an address of their own, or leave it empty",
        f"{_FOUND} JOIN registry_person p ON p.id = f.person_id JOIN auth_user u ON lower(u.email) = r.email "
        "WHERE r.person_name IS NOT NULL AND p.user_id IS DISTINCT FROM u.id "
        "AND NOT EXISTS (SELECT FROM load_who w WHERE w.key = 'e' || r.email)",
    )
    for name, changed, remedy in (
        ("email", "u.email <> r.email", "leave it as it is: the staff's addresses are changed by urja staff"),
        (
            "person_name",
            "p.name <> r.person_name",
            "leave it as it is: the staff's names are changed by urja staff",
        ),
    ):
        load.fault(
            name,
            "'it is that of somebody who works or worked here'",
            remedy,
            f"{_FOUND} JOIN registry_person p ON p.id = f.person_id JOIN auth_user u ON u.id = p.user_id "
            f"WHERE r.person_name IS NOT NULL AND {changed} AND {_IS_STAFF}",
        )
    load.fault(
        "email",
        "'somebody who works or worked here signs in with it'",
        "give the person an address of their own, or leave it empty",
        # A connection that is theirs already stays so; by a file the staff gets no other.
        f"{_FOUND} JOIN auth_user u ON lower(u.email) = r.email LEFT JOIN registry_person p ON p.id = f.customer_id "
        f"WHERE r.person_name IS NOT NULL AND p.user_id IS DISTINCT FROM u.id AND {_IS_STAFF}",
    )
    load.fault(
        "person_id",
        "'the connection is that of another person'",
        "a change of consumer is done by the operations move_out and move_in",
        f"{_FOUND} JOIN load_who w ON w.key = 'x' || r.person_id WHERE f.customer_id <> w.id",
    )
    ownership.check(load, "person", "f.person_id", _COLUMNS, _FOUND, "r.person_name IS NOT NULL")


def make_users(load: Load) -> None:
    """With what people sign in: a user for each new address. There is no password to guess; a code is sent."""
    load.made(
        "user",
        "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, "
        "date_joined) SELECT '!' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), false, email, "
        "min(left(person_name, 150)), '', email, false, true, %(at)s FROM load_row r JOIN load_found f USING (n) "
        "WHERE email IS NOT NULL AND person_name IS NOT NULL "
        "AND NOT EXISTS (SELECT FROM registry_person p WHERE p.id = f.person_id AND p.user_id IS NOT NULL) "
        "AND NOT EXISTS (SELECT FROM auth_user u WHERE lower(u.email) = r.email) GROUP BY email",
    )
    load.run(
        "CREATE TEMP TABLE load_user ON COMMIT DROP AS SELECT lower(email) AS email, min(id) AS id FROM auth_user "
        "WHERE lower(email) IN (SELECT email FROM load_row WHERE email IS NOT NULL) GROUP BY lower(email)"
    )
    load.run("CREATE UNIQUE INDEX ON load_user (email)")
    load.run("ANALYZE load_user")


def share(load: Load) -> None:
    """`load_person`: a key for each new person that several rows may mean."""
    load.run(
        "CREATE TEMP TABLE load_person ON COMMIT DROP AS "
        f"SELECT key, n, {_NEXT.format(bucket='floor(random() * %(buckets)s)::bigint')} AS id "
        f"FROM (SELECT f.person_key AS key, min(n) AS n FROM {_FOUND} "
        "WHERE f.person_id IS NULL AND f.person_key IS NOT NULL GROUP BY f.person_key) keyed"
    )
    load.run("ANALYZE load_person")


def write(load: Load, rows: str, span: Mapping[str, int]) -> None:
    load.made(
        "person",
        "INSERT INTO registry_person (id, user_id, name, email, phone, language, address, recorded_at, actor, "
        f"operation_id) SELECT p.person_id, u.id, r.person_name, {load.value('email')}, r.phone, {load.value('language')}, "
        f"{load.value('postal_address')}, %(at)s, %(actor)s, %(operation)s "
        f"FROM {rows.replace(' WHERE', ' LEFT JOIN load_user u ON u.email = r.email WHERE', 1)} AND p.new_person",
        **span,
    )


def update(load: Load, span: Mapping[str, int]) -> None:
    """What the file says of people who are known."""
    rows = f"{_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s AND r.person_name IS NOT NULL AND f.person_id IS NOT NULL"
    known = {name: column for name, column in _COLUMNS.items() if name != "email"}
    load.update("registry_person", known, rows, "f.person_id", **span)
    if load.covers("email"):
        signs_in = "EXISTS (SELECT FROM registry_person o WHERE o.id = f.person_id AND o.user_id IS NOT NULL)"
        alone = f"{rows} AND NOT {signs_in}"
        load.update("registry_person", {"email": "email"}, alone, "f.person_id", **span)
        _ask_for_addresses(load, span)
        load.changed(
            "registry_person",
            "UPDATE registry_person p SET user_id = u.id FROM load_row r JOIN load_found f USING (n) "
            "JOIN load_user u ON u.email = r.email WHERE r.n >= %(low)s AND r.n < %(high)s AND p.id = f.person_id "
            "AND p.user_id IS NULL AND r.person_name IS NOT NULL",
            **span,
        )


def _ask_for_addresses(load: Load, span: Mapping[str, int]) -> None:
    """Of people who sign in: they do so with the new address once it is confirmed, as after `correct_person`."""
    load.run(
        "CREATE TEMP TABLE IF NOT EXISTS load_address (user_id bigint, person_id bigint, old_email text, "
        "new_email text) ON COMMIT DROP"
    )
    load.run("TRUNCATE load_address")
    load.run(
        "INSERT INTO load_address SELECT DISTINCT u.id, p.id, u.email, r.email "
        f"FROM {_FOUND} JOIN registry_person p ON p.id = f.person_id JOIN auth_user u ON u.id = p.user_id "
        "WHERE r.n >= %(low)s AND r.n < %(high)s AND r.email IS NOT NULL AND r.person_name IS NOT NULL "
        "AND lower(u.email) <> r.email AND NOT EXISTS (SELECT FROM registry_address_change c "
        "WHERE c.user_id = u.id AND c.state = 'waiting' AND c.new_email = r.email)",
        **span,
    )
    load.run(
        "UPDATE registry_address_change c SET state = 'withdrawn', ended_at = %(at)s FROM load_address a "
        "WHERE c.user_id = a.user_id AND c.state = 'waiting'"
    )
    load.made(
        "address_change",
        "INSERT INTO registry_address_change (id, user_id, person_id, old_email, new_email, system, of_staff, "
        "asked_at, asked_by, operation_id, state, approved_by) SELECT nextval('registry_number'), user_id, person_id, "
        "old_email, new_email, %(system)s, false, %(at)s, %(actor)s, %(operation)s, 'waiting', '' FROM load_address",
    )


def columns(load: Load) -> list[str]:
    """The columns of a person that the file says something about."""
    return [column for name, column in _COLUMNS.items() if load.covers(name)]
