"""A tariff of another commodity is a fault to every operation and file that joins it to a supply, and to the database."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.apps.town import START, adopt
from tests.conftest import begun_with
from tests.pipeline.test_post import TARIFF, load as load_tariff
from tests.usecases.life import DAY, HOUR, connect, do
from tests.usecases.loading.filing import Loader

GAS = TARIFF.replace('code = "demo"', 'code = "piped"\ncommodity = "gas"')
SAID = "tariff {} is for {}, the service point supplies {}: choose a tariff for {}"


def load_gas(code="piped"):
    from urja.usecases.tariffs import load_tariffs

    text = GAS.format(version="1", valid_from="2024-01-01", rate="3.00").replace('"piped"', f'"{code}"')
    return load_tariffs([text], START)


def with_tariffs(database):
    load_tariff()
    load_gas()


database, tariffs = begun_with(with_tariffs)


def told(operation, at=START + DAY):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refused:
        do(operation, at)
    return refused.value.faults


def test_every_operation_refuses_it(tariffs):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import ChangeCategory, ConvertToPostpaid, ConvertToPrepaid, MoveIn

    electric = SAID.format("piped", "gas", "electricity", "electricity")
    adopt(1)
    day = (START + timedelta(days=2)).date()
    assert told(ChangeCategory(consumer_number="URJ00000001", effective_on=day, tariff_code="piped")) == [
        electric
    ]
    convert = {"consumer_number": "URJ00000001", "effective_on": day, "tariff_code": "piped"}
    assert electric in told(ConvertToPrepaid(**convert))
    assert electric in told(ConvertToPostpaid(**convert))
    with pytest.raises(RefusedError) as refused:
        adopt(2, tariff_code="piped")
    assert electric in refused.value.faults
    connect("G-1", commodity="gas")
    arrival = {
        "consumer_number": "G-1",
        "at": START + HOUR,
        "name": "Ravi",
        "email": "ravi@example.org",
        "sanctioned_load_w": 5000,
    }
    assert SAID.format("demo", "electricity", "gas", "gas") in told(MoveIn(tariff_code="demo", **arrival))
    assert not [said for said in told(MoveIn(tariff_code="piped", **arrival)) if "tariff" in said]


def test_a_row_of_a_file_is_refused_and_the_other_row_is_loaded(tariffs, tmp_path, stepped_clock):
    row = {"person_name": "R", "since": "2026-03-02", "sanctioned_load_w": "5000"}
    report = Loader(tmp_path, stepped_clock)(
        "consumers",
        [
            {"consumer_number": "1", "commodity": "gas", "tariff_code": "demo", **row},
            {"consumer_number": "2", "commodity": "electricity", "tariff_code": "piped", **row},
            {"consumer_number": "3", "commodity": "gas", "tariff_code": "piped", **row},
        ],
        good_rows=True,
    )
    assert [one.sentence for one in report.first] == [
        SAID.format("demo", "electricity", "gas", "gas"),
        SAID.format("piped", "gas", "electricity", "electricity"),
    ]


def test_the_database_refuses_it(database, tariffs):
    adopt(1)
    with (
        pytest.raises(psycopg.errors.CheckViolation, match="piped is for another commodity"),
        database.connect() as connection,
    ):
        connection.execute("UPDATE contracts_agreement_terms SET tariff_code = 'piped'")


def test_a_tariff_is_not_loaded_where_agreements_of_another_commodity_name_it(empty_database):
    from urja.site import registry_readiness
    from urja.usecases.errors import OtherCommodityError

    adopt(1)
    with pytest.raises(OtherCommodityError, match="service point URJ00000001, which supplies electricity"):
        load_gas("demo")
    # Terms stored before the rule, as an upgrade leaves them.
    with empty_database.connect() as connection:
        connection.execute(
            "INSERT INTO rulebook_tariff_version (code, version, valid_from, commodity, text, sha256, loaded_at) "
            "VALUES ('demo', '1', '2024-01-01', 'gas', %s, 'x', now())",
            [GAS.format(version="1", valid_from="2024-01-01", rate="3.00").replace('"piped"', '"demo"')],
        )
        connection.commit()
    found = registry_readiness.findings(START, ZoneInfo("Asia/Kolkata"), "INR", [], has_gateway=True)
    assert "service point URJ00000001 supplies electricity and is billed by demo, which is for gas" in [
        one.sentence for one in found
    ]
