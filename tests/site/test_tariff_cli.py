"""`urja tariff check` and `rate`, as a person or a script calls them."""

import json
from pathlib import Path

import pytest
from tests.site.commands import urja

from urja import apps

DELHI = f"{apps.__path__[0]}/rulebook/documents/delhi-domestic-2022.toml"


def urja_tariff(*arguments):
    return urja("tariff", *arguments)


def test_a_bill_with_its_arithmetic():
    period = ["--from", "2022-06-25", "--to", "2022-07-25", "--wh", "545000", "--load-w", "3000"]
    shown = urja_tariff("rate", DELHI, *period)
    assert shown.returncode == 0, shown.stderr
    assert "slab 1: 0 to 195 kWh: 195 kWh x 3 = 585" in shown.stdout
    assert shown.stdout.splitlines()[-4].split()[-1] == "3708.76" or "3708.76" in shown.stdout
    told = json.loads(urja_tariff("rate", DELHI, *period, "--json").stdout)
    assert told["total_minor"] == 370876
    assert sum(line["amount_minor"] for line in told["lines"]) == 370876


def test_a_bill_of_gas_is_in_cubic_metres(tmp_path):
    document = tmp_path / "gas.toml"
    document.write_text(Path(DELHI).read_text().replace("format = 1", 'format = 1\ncommodity = "gas"', 1))
    period = ["rate", str(document), "--from", "2022-06-25", "--to", "2022-07-25", "--load-w", "3000"]
    shown = urja_tariff(*period, "--litres", "545000").stdout
    assert "545 m³" in shown
    assert "slab 1: 0 to 195 m³: 195 m³ x 3 = 585" in shown
    assert "kWh" not in shown
    assert json.loads(urja_tariff(*period, "--litres", "545000", "--json").stdout)["volume_l"] == 545_000
    refused = urja_tariff(*period, "--wh", "545000")
    assert refused.returncode == 2
    assert "give --litres" in refused.stderr


def test_a_tariff_of_other_quantities_is_checked_and_not_rated(tmp_path):
    document = tmp_path / "shop.toml"
    document.write_text(
        Path(DELHI).read_text().replace('accrues = "slabs"', 'accrues = "slabs"\nquantity = "import_vah"', 1)
    )
    assert "valid" in urja_tariff("check", str(document)).stdout
    refused = urja_tariff("rate", str(document), "--from", "2022-07-01", "--to", "2022-08-01", "--wh", "1")
    assert refused.returncode == 2
    assert "the tariff needs import_vah, and the command is given the billed quantity alone" in refused.stderr


def test_energy_that_was_known_at_a_change(tmp_path):
    """docs/money.md: 130 kWh in April, 100 of it on the first three days, another duty from the fourth."""
    old = DELHI.replace("delhi-domestic-2022", "demo-domestic")
    text = Path(old).read_text().replace('"2024-1"', '"2026-1"').replace("2024-01-01", "2026-04-04")
    new = tmp_path / "new.toml"
    new.write_text(text.replace('percent = "5"', 'percent = "6"'))
    period = [old, str(new), "--from", "2026-04-01", "--to", "2026-05-01", "--wh", "130000", "--json"]
    known = json.loads(urja_tariff("rate", *period, "--read", "2026-04-04=100000").stdout)
    assert known["total_minor"] == 59799
    unknown = json.loads(urja_tariff("rate", *period).stdout)
    assert "split by days" in unknown["notes"][0]
    for read, why in [("2026-04-04", "is not a day with Wh"), ("2026-05-01=1", "is not inside the period")]:
        refused = urja_tariff("rate", *period, "--read", read)
        assert (refused.returncode, why in refused.stderr) == (2, True)


def test_check_says_all_that_is_wrong(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text(
        'format = 1\ncode = "x"\ntitle = "X"\ncurrency = "INR"\nvalid_from = 2024-01-01\nline = []\n'
    )
    good, wrong = urja_tariff("check", DELHI), urja_tariff("check", str(bad))
    assert (good.returncode, wrong.returncode) == (0, 2)
    assert "valid: delhi-domestic 2022-06" in good.stdout
    assert "version: is missing" in wrong.stdout
    assert (
        urja_tariff("rate", str(bad), "--wh", "1", "--from", "2024-01-01", "--to", "2024-01-02").returncode
        == 2
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2022-06-25", "--to", "2022-06-25"], "has no day"),
        (["--from", "2022-07-25", "--to", "2022-06-25"], "has no day"),
        (
            ["--from", "2022-06-25", "--to", "2022-07-25", "--through", "2022-07-26"],
            "--through 2022-07-26 is outside the period: give 2022-06-25 to 2022-07-25",
        ),
        (["--from", "9999-12-01", "--to", "9999-12-31"], "too near the end of the calendar"),
        (
            ["--from", "2021-06-25", "--to", "2021-07-25"],
            "no version of the tariff is in force on 2021-06-25",
        ),
    ],
)
def test_what_cannot_be_rated_gets_a_sentence(arguments, words):
    refused = urja_tariff("rate", DELHI, "--wh", "1000", "--load-w", "3000", *arguments)
    assert refused.returncode == 2
    assert words in refused.stderr


def test_a_load_that_the_tariff_goes_by_is_asked_for():
    """Without it the fixed charge would be that of no load, as if there were none."""
    refused = urja_tariff("rate", DELHI, "--wh", "1000", "--from", "2022-06-25", "--to", "2022-07-25")
    assert (refused.returncode, "goes by the sanctioned load in kW; give --load-w" in refused.stderr) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "format: is missing"),
        (b"format: 1\ncode: x\n", "document: is not TOML: Expected '=' after a key"),
        (b'{"format": 1}', "document: is not TOML: Invalid statement (at line 1, column 1)"),
        (
            b"format = 1\nformat = 1\n",
            "document: is not TOML: Cannot overwrite a value (at line 2, column 11)",
        ),
        (b'code = "caf\xe9"\n', "document: is not UTF-8 text (byte 11): save it as UTF-8 and try again"),
        (b"\xff\xfef\x00o\x00", "document: is not UTF-8 text (byte 0)"),
    ],
)
def test_a_file_that_is_no_tariff_is_told_with_the_others(tmp_path, content, words):
    bad = tmp_path / "bad.toml"
    bad.write_bytes(content)
    said = urja_tariff("check", str(bad), DELHI)
    assert said.returncode == 2
    assert f"{bad}: {words}" in said.stdout
    assert "valid: delhi-domestic" in said.stdout
    assert "Traceback" not in said.stderr


def test_an_editors_byte_order_mark_and_line_ends_are_no_faults(tmp_path):
    saved = tmp_path / "saved.toml"
    saved.write_bytes(b"\xef\xbb\xbf" + Path(DELHI).read_bytes().replace(b"\n", b"\r\n"))
    assert urja_tariff("check", str(saved)).returncode == 0


def test_what_is_no_document_at_all(tmp_path):
    for path in (tmp_path, tmp_path / "missing.toml"):
        said = urja_tariff("check", str(path))
        assert said.returncode == 2
        assert "Invalid value for 'FILES...'" in said.stderr
