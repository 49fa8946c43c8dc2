"""Consumers: a row is a connection with its premise, the person who has it, and the terms it is supplied on."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from typing import ClassVar
from zoneinfo import ZoneInfo

from urja.core.calendar import local_day
from urja.usecases.loading import ownership, people, places
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.forms import Choice, Code, Degrees, Instant, Number, Phone, Text, email, watts
from urja.usecases.loading.staging import Load, twice

_PREMISE = {
    "premise_kind": "kind",
    "premise_name": "name",
    "address": "address",
    "pin_code": "pin_code",
    "latitude": "latitude",
    "longitude": "longitude",
}
_SERVICE_POINT = {"consumer_number": "consumer_number", "commodity": "commodity", "purpose": "purpose",
                  "licensee": "licensee_id"}  # fmt: skip
_TERMS = {
    "tariff_code": "tariff_code",
    "sanctioned_load_w": "sanctioned_load_w",
    "category": "category",
    "policy": "policy",
    "payment_mode": "payment_mode",
    "metering_mode": "metering_mode",
}
_DATED = "changes of terms have a day from which they hold: use the operation, not a file"
_FOUND = "load_row r JOIN load_found f USING (n)"


class Consumers(Kind):
    """See the module."""

    name: ClassVar[str] = "consumers"
    about: ClassVar[str] = "connections with their premise, person, agreement and terms"
    key: ClassVar[tuple[str, ...]] = ("consumer_number",)
    written: ClassVar[tuple[str, ...]] = (
        "registry_service_point", "registry_premise", "registry_person", "auth_user", "registry_agreement",
        "registry_agreement_terms", "registry_account_access", "registry_placement", "ledger_account",
    )  # fmt: skip
    fields: ClassVar[tuple[Field, ...]] = (
        Field("consumer_number", Code(32), "number of the connection", required=True),
        Field(
            "commodity",
            Choice(("electricity", "gas")),
            "what flows: electricity or gas",
            default="electricity",
        ),
        Field(
            "purpose",
            Choice(("consumer", "common_area", "bulk", "dg", "transformer", "feeder", "boundary")),
            "what is measured; only a consumer's connection has a person and terms",
            default="consumer",
        ),
        Field("licensee", Code(32), "code of the licensee"),
        Field("premise_code", Code(64), "what the utility calls the premise"),
        Field("premise_kind", Choice(places.KINDS), "house, flat, shop ...", default="house"),
        Field("premise_name", Text(200), "house or flat number, or the name of the place"),
        Field("address", Text(300), "where it is"),
        Field("pin_code", Text(10), "postal code"),
        Field("latitude", Degrees(90), "degrees north"),
        Field("longitude", Degrees(180), "degrees east"),
        Field("society", Code(200), "name or code of the society or complex it is part of"),
        Field("tower", Code(200), "name or code of the tower in it"),
        Field("section", Code(32), "code of the section that looks after it"),
        Field("transformer", Code(32), "code of the transformer that feeds it"),
        Field("pole", Code(32), "code of the pole, where that is known"),
        Field("phase", Choice(("R", "Y", "B", "RYB")), "phase it hangs on; RYB for three"),
        Field("person_name", Code(200), "who has the connection; empty where it is vacant"),
        Field("person_id", Code(64), "number of the person in the outside system", outside=True),
        Field("email", email(), "where sign-in codes are sent"),
        Field("phone", Phone(), "where messages are sent"),
        Field("language", Choice(("en", "hi")), "language the person is written to in", default="en"),
        Field("postal_address", Text(300), "where letters go, if not to the premise"),
        Field("since", Instant(), "since when the person has it"),
        Field("tariff_code", Code(64), "code of a loaded tariff"),
        Field("sanctioned_load_w", watts(), "sanctioned load"),
        Field("category", Text(32), "which policy governs it; empty for everybody's"),
        Field("policy", Text(64), "code of a loaded policy of its own, whatever its category has"),
        Field("payment_mode", Choice(("prepaid", "postpaid")), "prepaid or postpaid", default="prepaid"),
        Field("metering_mode", Choice(("forward", "net")), "forward or net", default="forward"),
        Field(
            "billing_day",
            Number(1, 28),
            "day of a month on which billing periods begin; empty as the tariff says",
        ),
    )
    example: ClassVar = (
        {
            "consumer_number": "1001000001",
            "premise_code": "P-17",
            "premise_name": "17",
            "address": "17 Station Road, Lucknow",
            "pin_code": "226001",
            "latitude": "26.8467",
            "longitude": "80.9462",
            "person_name": "Meera Devi",
            "email": "meera@example.org",
            "phone": "+919812345678",
            "language": "hi",
            "since": "2026-03-01",
            "tariff_code": "demo-domestic",
            "sanctioned_load_w": "5000",
        },
        {
            "consumer_number": "1001000002",
            "premise_kind": "flat",
            "premise_name": "A-101",
            "society": "Green Acres",
            "tower": "A",
            "person_name": "Ravi Kumar",
            "since": "2026-03-01",
            "tariff_code": "demo-domestic",
            "sanctioned_load_w": "3000",
        },
        {"consumer_number": "1001000003", "premise_kind": "flat", "premise_name": "A-102",
         "society": "Green Acres", "tower": "A"},
    )  # fmt: skip

    def find(self, load: Load) -> None:
        places.find_parents(load)
        people.find(load)
        load.run(
            "CREATE TEMP TABLE load_found ON COMMIT DROP AS "
            "SELECT r.n, s.id AS service_point_id, coalesce(s.premise_id, p.id, q.id) AS premise_id, "
            "a.id AS agreement_id, s.purpose, s.commodity, a.customer_id, "
            "EXISTS (SELECT FROM registry_agreement WHERE service_point_id = s.id) AS had_agreement, "
            f"coalesce(a.customer_id, w.id, e.id) AS person_id, {people.KEY} AS person_key "
            "FROM load_row r LEFT JOIN registry_service_point s USING (consumer_number) "
            "LEFT JOIN load_parent h ON h.n = r.n "
            "LEFT JOIN registry_premise p ON p.code = r.premise_code "
            "LEFT JOIN registry_premise q ON r.premise_code IS NULL AND q.parent_id = h.parent_id "
            "AND q.name = r.premise_name "
            "LEFT JOIN registry_agreement a ON a.service_point_id = s.id "
            "AND a.valid_from <= %(at)s AND coalesce(a.valid_to, 'infinity') > %(at)s "
            "LEFT JOIN load_who w ON w.key = 'x' || r.person_id "
            "LEFT JOIN load_who e ON e.key = 'e' || lower(r.email)"
        )
        load.run("CREATE UNIQUE INDEX ON load_found (n)")
        load.run("ANALYZE load_found")

    def check(self, load: Load) -> None:
        twice(load)
        places.check_parents(load)
        places.check_premises(load, _PREMISE)
        places.check_nodes(load)
        people.check(load)
        self._check_agreements(load)
        self._check_what_stands(load)

    def _check_agreements(self, load: Load) -> None:
        for name in ("since", "tariff_code", "sanctioned_load_w"):
            load.fault(
                name,
                "'a person has the connection, and it is empty'",
                "say since when, by which tariff and with which load, or leave the person out",
                f"{_FOUND} WHERE r.person_name IS NOT NULL AND f.agreement_id IS NULL AND r.{name} IS NULL",
            )
            if load.covers("person_name"):
                load.fault(
                    name,
                    "'nobody has the connection, and it says on which terms'",
                    "say who has it, or leave it empty",
                    f"load_row r WHERE r.person_name IS NULL AND r.{name} IS NOT NULL",
                )
        load.fault(
            "person_name",
            "'a ' || r.purpose || ' point has no consumer'",
            "leave the person out, or make it a consumer's",
            "load_row r WHERE r.person_name IS NOT NULL AND coalesce(r.purpose, 'consumer') <> 'consumer'",
        )
        load.fault(
            "tariff_code",
            "'no tariff of this code is in force'",
            "load it with urja tariff load, or mend the code",
            "load_row r WHERE r.tariff_code IS NOT NULL AND NOT EXISTS (SELECT FROM tariffs_version t "
            "WHERE t.code = r.tariff_code AND t.valid_from <= (%(at)s AT TIME ZONE %(zone)s)::date)",
        )
        load.fault(
            "policy",
            "'no policy of this code in ' || %(currency)s || ' is in force'",
            "load it with urja policy load, mend the code, or leave it empty: its category says which governs",
            "load_row r WHERE r.policy <> '' AND r.policy <> ALL(%(policies)s::text[])",
            policies=_policies(load),
        )
        load.fault(
            "since",
            "'it begins in the future'",
            "load it when it has begun",
            "load_row r WHERE r.since > %(at)s",
        )

    def _check_what_stands(self, load: Load) -> None:
        """What a file does not change, because there is an operation that knows what follows from it."""
        for name in ("commodity", "purpose"):
            if load.covers(name):
                load.fault(
                    name,
                    f"'the connection is there, with ' || f.{name}",
                    "a connection stays what it is: give the other one a number of its own",
                    f"{_FOUND} WHERE f.service_point_id IS NOT NULL AND f.{name} <> r.{name}",
                )
        load.fault(
            "person_name",
            "'somebody has had the connection before'",
            "a new consumer comes by the operation move_in, not by a file",
            f"{_FOUND} WHERE r.person_name IS NOT NULL AND f.had_agreement AND f.agreement_id IS NULL",
        )
        if load.covers("since"):
            load.fault(
                "since",
                "'an agreement holds since ' || (a.valid_from AT TIME ZONE %(zone)s)::date",
                "a change of consumer is done by the operations move_out and move_in; otherwise mend the day",
                f"{_FOUND} JOIN registry_agreement a ON a.id = f.agreement_id WHERE a.valid_from <> r.since",
            )
        if load.covers("billing_day"):
            load.fault(
                "billing_day",
                "'billing periods of the agreement begin on ' || coalesce('day ' || a.billing_day, 'the day of its tariff')",
                "they do so to its end: mend the day, or let the agreement end (move_out) and the next one begin (move_in)",
                f"{_FOUND} JOIN registry_agreement a ON a.id = f.agreement_id "
                "WHERE r.person_name IS NOT NULL AND r.billing_day IS NOT NULL AND a.billing_day IS DISTINCT FROM r.billing_day",
            )
        current = (
            "JOIN LATERAL (SELECT * FROM registry_agreement_terms WHERE agreement_id = f.agreement_id "
            "ORDER BY valid_from DESC LIMIT 1) t ON true"
        )
        for name, differs in load.differs(_TERMS, "t"):
            load.fault(
                name,
                f"'the terms say ' || CASE t.{name}::text WHEN '' THEN 'nothing' ELSE t.{name}::text END",
                _DATED,
                f"{_FOUND} {current} WHERE r.person_name IS NOT NULL AND {differs}",
            )

    def plan(self, load: Load) -> None:
        places.make_parents(load)
        places.share_premises(load)
        people.make_users(load)
        people.share(load)
        load.run(
            "CREATE TEMP TABLE load_plan ON COMMIT DROP AS "
            "WITH drawn AS (SELECT r.n, f.service_point_id AS known_id, f.premise_id AS known_premise_id, "
            "h.parent_id, p.id AS shared_premise_id, p.n AS premise_n, "
            "r.person_name IS NOT NULL AND f.agreement_id IS NULL AS agrees, "
            "f.person_id AS known_person_id, w.id AS shared_person_id, w.n AS person_n, "
            "coalesce(f.service_point_id, f.premise_id, p.id, h.parent_id) >> 40 AS inherited, "
            "floor(random() * %(buckets)s)::bigint AS own "
            "FROM load_row r JOIN load_found f USING (n) LEFT JOIN load_parent h USING (n) "
            "LEFT JOIN load_premise p ON p.key = h.premise_key "
            "LEFT JOIN load_person w ON w.key = f.person_key) "
            "SELECT n, coalesce(inherited, own) AS bucket, parent_id, "
            "coalesce(known_id, number(coalesce(inherited, own))) AS service_point_id, "
            "known_id IS NULL AS new, "
            "coalesce(known_premise_id, shared_premise_id, number(coalesce(inherited, own))) AS premise_id, "
            "known_premise_id IS NULL AND coalesce(premise_n, n) = n AS new_premise, "
            "coalesce(known_person_id, CASE WHEN agrees THEN coalesce(shared_person_id, "
            "number(coalesce(inherited, own))) END) AS person_id, "
            "agrees AND known_person_id IS NULL AND coalesce(person_n, n) = n AS new_person, "
            "CASE WHEN agrees THEN coalesce(inherited, own) << 40 | nextval('ledger_number') END AS account_id, "
            "CASE WHEN agrees THEN number(coalesce(inherited, own)) END AS agreement_id "
            "FROM drawn".replace(
                "number(coalesce(inherited, own))", places.NEXT.format(bucket="coalesce(inherited, own)")
            )
        )
        load.run("CREATE UNIQUE INDEX ON load_plan (n)")
        load.run("ANALYZE load_plan")

    def write(self, load: Load, low: int, high: int) -> None:
        span = {"low": low, "high": high}
        rows = "load_plan p JOIN load_row r USING (n) WHERE p.n >= %(low)s AND p.n < %(high)s"
        places.write_premises(load, rows, span)
        load.made(
            "service_point",
            "INSERT INTO registry_service_point (id, premise_id, licensee_id, commodity, purpose, consumer_number, "
            "recorded_at, actor, operation_id) "
            f"SELECT p.service_point_id, p.premise_id, l.id, {load.value('commodity')}, {load.value('purpose')}, "
            "r.consumer_number, %(at)s, %(actor)s, %(operation)s "
            f"FROM {rows.replace(' WHERE', ' LEFT JOIN registry_licensee l ON l.code = r.licensee WHERE', 1)} AND p.new",
            **span,
        )
        people.write(load, rows, span)
        self._write_agreements(load, rows, span)
        for tree in ("administration", "grid"):
            places.write_placements(load, tree, rows, span)
        self._update(load, span)
        if load.map.system:
            self._link(load, rows, span)

    def _write_agreements(self, load: Load, rows: str, span: dict[str, int]) -> None:
        load.made(
            "account",
            "INSERT INTO ledger_account (id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, "
            "last_batch, opened_at) SELECT p.account_id, p.bucket, 'consumer', '', %(currency)s, 0, 0, "
            f"decode(repeat('00', 32), 'hex'), 0, r.since FROM {rows} AND p.agreement_id IS NOT NULL",
            **span,
        )
        # One statement for both: its end is when the terms must cover their agreements.
        load.made(
            "agreement",
            "WITH due AS MATERIALIZED (SELECT p.agreement_id, p.service_point_id, p.account_id, p.person_id AS customer_id, p.bucket, r.* "
            f"FROM {rows} AND p.agreement_id IS NOT NULL), "
            "agreed AS (INSERT INTO registry_agreement (id, service_point_id, account_id, customer_id, billing_day, "
            "valid_from, recorded_at, actor, operation_id) "
            "SELECT agreement_id, service_point_id, account_id, customer_id, billing_day, since, "
            "%(at)s, %(actor)s, %(operation)s FROM due) "
            "INSERT INTO registry_agreement_terms (id, agreement_id, tariff_code, sanctioned_load_w, category, "
            "policy, payment_mode, metering_mode, valid_from, recorded_at, actor, operation_id) "
            f"SELECT {places.NEXT.format(bucket='r.bucket')}, r.agreement_id, r.tariff_code, r.sanctioned_load_w, "
            f"{load.value('category')}, {load.value('policy')}, {load.value('payment_mode')}, {load.value('metering_mode')}, r.since, "
            "%(at)s, %(actor)s, %(operation)s FROM due r",
            **span,
        )
        load.made(
            "account_access",
            "INSERT INTO registry_account_access (id, person_id, account_id, role, recorded_at, actor, operation_id) "
            f"SELECT {places.NEXT.format(bucket='p.bucket')}, p.person_id, p.account_id, 'owner', %(at)s, %(actor)s, "
            f"%(operation)s FROM {rows} AND p.agreement_id IS NOT NULL",
            **span,
        )

    def _update(self, load: Load, span: dict[str, int]) -> None:
        rows = f"{_FOUND} WHERE r.n >= %(low)s AND r.n < %(high)s AND f.premise_id IS NOT NULL"
        load.update("registry_premise", _PREMISE | {"premise_code": "code"}, rows, "f.premise_id", **span)
        if load.covers("licensee"):
            load.changed(
                "registry_service_point",
                "UPDATE registry_service_point t SET licensee_id = v.licensee_id FROM (SELECT f.service_point_id, "
                "l.id AS licensee_id FROM load_row r JOIN load_found f USING (n) "
                "LEFT JOIN registry_licensee l ON l.code = r.licensee WHERE r.n >= %(low)s AND r.n < %(high)s) v "
                "WHERE t.id = v.service_point_id AND t.licensee_id IS DISTINCT FROM v.licensee_id",
                **span,
            )
        people.update(load, span)

    def _link(self, load: Load, rows: str, span: dict[str, int]) -> None:
        owned = {kind: [column for name, column in columns.items() if load.covers(name)]
                 for kind, columns in (("premise", _PREMISE), ("service_point", _SERVICE_POINT))}  # fmt: skip
        ownership.link(
            load,
            "service_point",
            rows,
            "r.consumer_number",
            "p.service_point_id",
            owned["service_point"],
            span,
        )
        if owned["premise"]:
            number = "coalesce(r.premise_code, r.consumer_number)"
            ownership.link(load, "premise", rows, number, "p.premise_id", owned["premise"], span)
        ownership.link(
            load,
            "person",
            f"{rows} AND r.person_name IS NOT NULL",
            "coalesce(r.person_id, r.consumer_number)",
            "p.person_id",
            people.columns(load),
            span,
        )

    exported: ClassVar[str] = """
        SELECT s.consumer_number, s.commodity, s.purpose, l.code AS licensee,
            p.code AS premise_code, p.kind AS premise_kind, p.name AS premise_name, p.address, p.pin_code, p.latitude, p.longitude,
            CASE WHEN up.kind = 'tower' THEN coalesce(top.code, top.name) ELSE coalesce(up.code, up.name) END AS society,
            CASE WHEN up.kind = 'tower' THEN coalesce(up.code, up.name) END AS tower,
            section.code AS section, transformer.code AS transformer, pole.code AS pole, nullif(grid.phase, '') AS phase,
            c.name AS person_name, x.external_id AS person_id, c.email, c.phone, c.language, c.address AS postal_address,
            a.valid_from AS since, t.tariff_code, t.sanctioned_load_w, t.category, t.policy,
            t.payment_mode, t.metering_mode, a.billing_day
        FROM registry_service_point s
        JOIN registry_premise p ON p.id = s.premise_id
        LEFT JOIN registry_premise up ON up.id = p.parent_id
        LEFT JOIN registry_premise top ON top.id = up.parent_id
        LEFT JOIN registry_licensee l ON l.id = s.licensee_id
        LEFT JOIN registry_placement admin ON admin.service_point_id = s.id AND admin.tree = 'administration'
            AND admin.valid_to IS NULL
        LEFT JOIN registry_node section ON section.id = admin.node_id AND section.level = 'section'
        LEFT JOIN registry_placement grid ON grid.service_point_id = s.id AND grid.tree = 'grid'
            AND grid.valid_to IS NULL
        LEFT JOIN registry_node hung ON hung.id = grid.node_id
        LEFT JOIN registry_node pole ON pole.id = hung.id AND hung.level = 'pole'
        LEFT JOIN registry_node_period stands ON stands.node_id = pole.id AND stands.valid_to IS NULL
        LEFT JOIN registry_node transformer ON transformer.id = coalesce(stands.parent_id, hung.id)
            AND transformer.level = 'transformer'
        LEFT JOIN registry_agreement a ON a.service_point_id = s.id AND a.valid_from <= %(at)s
            AND coalesce(a.valid_to, 'infinity') > %(at)s
        LEFT JOIN registry_person c ON c.id = a.customer_id
        LEFT JOIN registry_external x ON x.system = %(system)s AND x.kind = 'person' AND x.object_id = c.id
        LEFT JOIN LATERAL (SELECT * FROM registry_agreement_terms WHERE agreement_id = a.id
            ORDER BY valid_from DESC LIMIT 1) t ON true
        ORDER BY s.consumer_number
    """


def _policies(load: Load) -> list[str]:
    """The codes of the policies that an agreement may have for its own now."""
    # Kinds are read where no database is set up, to write files.
    from urja.apps.rulebook.queries.policies import book

    policies, today = book(), local_day(load.recorded_at, ZoneInfo(load.zone))
    in_force = [policies.in_force(code, today) for code in policies.versions]
    return [one.code for one in in_force if one is not None and one.currency == load.currency]
