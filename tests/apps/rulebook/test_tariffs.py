"""Versions of tariffs in the database."""

from datetime import UTC, date, datetime

import psycopg
import pytest

NOW = datetime(2026, 4, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
def tariffs(database):
    from urja.apps.rulebook import operations
    from urja.apps.rulebook.queries import tariffs

    return operations, tariffs


def document(version="2024-1", valid_from="2024-01-01", rate="2.00"):
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    text = bundled_tariffs()["demo-domestic.toml"]
    return (
        text.replace('"2024-1"', f'"{version}"')
        .replace("2024-01-01", valid_from)
        .replace('rate = "2.00"', f'rate = "{rate}"')
    )


def test_every_bundled_document_is_good(tariffs):
    operations, tariffs = tariffs
    for text in tariffs.bundled_tariffs().values():
        operations.load_tariff(text, NOW)
    assert tariffs.versions_in_force("demo-domestic", date(2026, 4, 1), date(2026, 5, 1))[0].currency == "INR"


def test_the_same_text_again_changes_nothing_and_another_is_refused(tariffs):
    from urja.apps.rulebook.errors import TariffConflictError

    operations, _ = tariffs
    first = operations.load_tariff(document(), NOW)
    assert operations.load_tariff(document(), NOW).pk == first.pk
    with pytest.raises(TariffConflictError, match="a version of its own"):
        operations.load_tariff(document(rate="3"), NOW)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("period_starts_on = 10", "its periods begin on day 10, those of version 2024-1 on day 1"),
        ('commodity = "gas"', "it is of gas, version 2024-1 of electricity"),
        ('currency = "LKR"', "it is in LKR with 2 decimals, version 2024-1 in INR with 2"),
        ('currency = "INR"\ndecimals = 3', "it is in INR with 3 decimals"),
    ],
)
def test_a_version_keeps_calendar_currency_and_commodity_of_its_code(tariffs, change, why):
    """Periods from the 10th and the month before both have the days to its end, and both would charge them."""
    from urja.apps.rulebook.errors import UnlikeVersionError
    from urja.apps.rulebook.models import TariffVersion

    operations, _ = tariffs
    operations.load_tariff(document(), NOW)
    new = document("2", "2026-04-10")
    if "currency" in change:
        new = new.replace('currency = "INR"', change)
    else:
        new = new.replace("valid_from", f"{change}\nvalid_from")
    with pytest.raises(UnlikeVersionError, match=f"{why}.*a code of its own"):
        operations.load_tariff(new, NOW)
    assert TariffVersion.objects.count() == 1


def test_versions_in_force(tariffs):
    from urja.apps.rulebook.errors import UnknownTariffError

    operations, tariffs = tariffs
    for version, day in [("a", "2024-01-01"), ("c", "2026-04-11"), ("b", "2026-02-01"), ("c2", "2026-04-11")]:
        operations.load_tariff(document(version, day), NOW)

    def found(first, end):
        versions = tariffs.versions_in_force(
            "demo-domestic", date.fromisoformat(first), date.fromisoformat(end)
        )
        return [tariff.version for tariff in versions]

    assert found("2026-01-01", "2026-02-01") == ["a"]
    assert found("2026-04-01", "2026-05-01") == ["b", "c", "c2"]
    assert found("2026-05-01", "2026-06-01") == ["c2"]
    with pytest.raises(UnknownTariffError, match="in force on 2023-01-01"):
        found("2023-01-01", "2023-02-01")


@pytest.mark.parametrize(
    "statement", ["UPDATE rulebook_tariff_version SET text = ''", "DELETE FROM rulebook_tariff_version"]
)
def test_a_version_is_never_changed(database, tariffs, statement):
    tariffs[0].load_tariff(document(), NOW)
    with pytest.raises(psycopg.errors.IntegrityError), database.connect() as connection:
        connection.execute(statement)
