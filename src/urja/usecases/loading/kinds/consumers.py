"""Consumers: a row is a service point with its premise, its consumer, and the terms of the agreement."""

from typing import ClassVar

from urja.usecases.loading.cell_formats import Choice, Code, Phone, Text, email
from urja.usecases.loading.date_formats import Day, Instant
from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.kinds.premises import PREMISE_KINDS
from urja.usecases.loading.number_formats import (
    Degrees,
    Number,
    hundredths_of_square_metres,
    volt_amperes,
    watts,
)


class Consumers(Kind):
    name: ClassVar[str] = "consumers"
    about: ClassVar[str] = "service points with premise, consumer, agreement and terms"
    key: ClassVar[tuple[str, ...]] = ("consumer_number",)
    fields: ClassVar[tuple[Field, ...]] = (
        Field("consumer_number", Code(32), "consumer number of the service point", required=True),
        Field(
            "commodity",
            Choice(("electricity", "gas")),
            "electricity or gas",
            default="electricity",
        ),
        Field(
            "purpose",
            Choice(("consumer", "common_area", "bulk", "dg", "transformer", "feeder", "boundary")),
            "purpose of the service point; only a consumer's has a person and terms",
            default="consumer",
        ),
        Field("licensee", Code(32), "code of the licensee"),
        Field("premise_code", Code(64), "the utility's code of the premise"),
        Field("premise_kind", Choice(PREMISE_KINDS), "house, flat, shop ...", default="house"),
        Field("premise_name", Text(200), "number of the house or flat, or a name"),
        Field("address", Text(300), "address of the premise"),
        Field("pin_code", Text(10), "postal code"),
        Field("latitude", Degrees(90), "degrees north"),
        Field("longitude", Degrees(180), "degrees east"),
        Field("society", Code(200), "name or code of the society or complex it is part of"),
        Field("tower", Code(200), "name or code of the tower in it"),
        Field("section", Code(32), "code of the section that administers it"),
        Field("transformer", Code(32), "code of the transformer that feeds it"),
        Field("pole", Code(32), "code of the pole, where that is known"),
        Field("phase", Choice(("R", "Y", "B", "RYB")), "phase that it is on; RYB for three phases"),
        Field("person_name", Code(200), "name of the consumer; empty where it is vacant"),
        Field("person_id", Code(64), "number of the person in the outside system", outside=True),
        Field("email", email(), "address for sign-in codes"),
        Field("phone", Phone(), "number for messages"),
        Field("language", Choice(("en", "hi")), "language of messages to the consumer", default="en"),
        Field("postal_address", Text(300), "postal address, if not the premise"),
        Field("since", Instant(), "first day of the agreement"),
        Field("tariff_code", Code(64), "code of a loaded tariff"),
        Field("sanctioned_load_w", watts(), "sanctioned load"),
        Field("sanctioned_load_va", volt_amperes(), "sanctioned load in kVA, where the terms state it"),
        Field("contracted_load_w", watts(), "contracted load, where the terms state it"),
        Field("contracted_load_va", volt_amperes(), "contracted load in kVA, where the terms state it"),
        Field("carpet_area_dm2", hundredths_of_square_metres(), "carpet area of the flat"),
        Field(
            "category", Text(32), "consumer category, which selects the policy; empty for the default policy"
        ),
        Field("policy", Text(64), "code of a loaded policy for this supply alone, whatever its category"),
        Field("payment_mode", Choice(("prepaid", "postpaid")), "prepaid or postpaid", default="prepaid"),
        Field("metering_mode", Choice(("forward", "net")), "forward or net", default="forward"),
        Field(
            "billing_day",
            Number(1, 28),
            "day of the month on which billing periods begin; empty for the tariff's day",
        ),
        Field("bill_from", Day(), "first day of fixed charges, if before the meter is in service"),
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

    exported: ClassVar[str] = """
        SELECT s.consumer_number, s.commodity, s.purpose, l.code AS licensee,
            p.code AS premise_code, p.kind AS premise_kind, p.name AS premise_name, p.address, p.pin_code, p.latitude, p.longitude,
            CASE WHEN up.kind = 'tower' THEN coalesce(top.code, top.name) ELSE coalesce(up.code, up.name) END AS society,
            CASE WHEN up.kind = 'tower' THEN coalesce(up.code, up.name) END AS tower,
            section.code AS section, transformer.code AS transformer, pole.code AS pole, nullif(grid.phase, '') AS phase,
            c.name AS person_name, x.external_id AS person_id, c.email, c.phone, c.language, c.address AS postal_address,
            a.valid_from AS since, t.tariff_code, t.sanctioned_load_w, t.sanctioned_load_va,
            t.contracted_load_w, t.contracted_load_va, t.carpet_area_dm2, t.category, t.policy,
            t.payment_mode, t.metering_mode, a.billing_day, a.bill_from
        FROM network.service_point s
        JOIN network.premise p ON p.id = s.premise_id
        LEFT JOIN network.premise up ON up.id = p.parent_id
        LEFT JOIN network.premise top ON top.id = up.parent_id
        LEFT JOIN network.licensee l ON l.id = s.licensee_id
        LEFT JOIN network.placement admin ON admin.service_point_id = s.id AND admin.tree = 'administration'
            AND admin.valid_to IS NULL
        LEFT JOIN network.node section ON section.id = admin.node_id AND section.level = 'section'
        LEFT JOIN network.placement grid ON grid.service_point_id = s.id AND grid.tree = 'grid'
            AND grid.valid_to IS NULL
        LEFT JOIN network.node placed ON placed.id = grid.node_id
        LEFT JOIN network.node pole ON pole.id = placed.id AND placed.level = 'pole'
        LEFT JOIN network.node_period stands ON stands.node_id = pole.id AND stands.valid_to IS NULL
        LEFT JOIN network.node transformer ON transformer.id = coalesce(stands.parent_id, placed.id)
            AND transformer.level = 'transformer'
        LEFT JOIN contracts.agreement a ON a.service_point_id = s.id AND a.valid_from <= %(at)s
            AND coalesce(a.valid_to, 'infinity') > %(at)s
        LEFT JOIN people.person c ON c.id = a.customer_id
        LEFT JOIN journal.external x ON x.system = %(system)s AND x.kind = 'person' AND x.object_id = c.id
        LEFT JOIN LATERAL (SELECT * FROM contracts.terms WHERE agreement_id = a.id
            ORDER BY valid_from DESC LIMIT 1) t ON true
        ORDER BY s.consumer_number
    """
