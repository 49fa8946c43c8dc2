"""Bills of published tariffs with zones, demand, power factor, gas, export and recharges; both raters calculate each alike.

Each names its source and what is published: the bill, an example of the utility, or the prices alone.
"""

from datetime import date

import pytest
from tests.core.test_quantity_tariffs import amounts, document, rated, roof

from urja.core.calendar import Period

MONTH = Period(date(2026, 4, 1), date(2026, 5, 1))


def line(name, accrues, *keys):
    return "\n".join(["[[line]]", f'name = "{name}"', f'accrues = "{accrues}"', *keys, ""])


def one_price(rate):
    return f"slabs = [{{from = 0, rate = {rate}}}]"


MAHARASHTRA_HT = (
    line("demand", "demand", 'unit = "kVA"', 'billed = "recorded"', "rate = 295")
    + line("energy", "slabs", one_price('"8.41"'))
    + line("fac", "slabs", one_price('"0.2779"'))
    + line(
        "tod",
        "zones",
        'otherwise = "B"',
        'prices = [{zone = "B", rate = 0}, {zone = "C", rate = "0.80"}, {zone = "D", rate = "1.10"}, {zone = "A", rate = 0}]',
    )
    + line(
        "tod-night",
        "zones",
        'otherwise = "B"',
        "credit = true",
        'prices = [{zone = "A", rate = "1.50"}, {zone = "B", rate = 0}, {zone = "C", rate = 0}, {zone = "D", rate = 0}]',
    )
    + line("tax-on-sale", "slabs", one_price('"0.0904"'), 'book = "duty"')
    + line(
        "factor",
        "power-factor",
        'table = [{up_to = "0.994"}, {incentive = 7}]',
        'on = ["demand", "energy", "fac", "tod", "tod-night"]',
    )
)


def test_a_high_tension_bill_of_maharashtra_to_the_paisa():
    """A factory's bill, of which a course prints the lines (scribd.com/document/471158390): all eight and the total.

    | printed | | |
    |---|---|---|
    | demand charge | 295 × 220 kVA | 64,900.00 |
    | energy charge | 75,895 × 8.41 | 638,276.95 |
    | FAC | | 21,091.22 |
    | ToD, zones A, C, D | − 24,052.50 + 11,732.00 + 11,198.00 | − 1,122.50 |
    | tax on sale | | 6,860.91 |
    | power factor 0.998, incentive | | − 50,620.20 |
    | total | | 679,386.38 |

    Inferred from the figures: 1.50, 0.80 and 1.10 a unit in the zones (the units are then whole), 27.79 and 9.04 paise a unit of FAC
    and tax, an incentive of 7 % of all lines but the tax. kVAh are such that the power factor is 0.998.
    """
    values = {
        "max_import_va": 220_000,
        "import_vah": 76_047_000,
        "import_wh_z1": 16_035_000,
        "import_wh_z2": 35_015_000,
        "import_wh_z3": 14_665_000,
        "import_wh_z4": 10_180_000,
    }
    zones = 'calendar = "maharashtra"\nzones = {A = 1, B = 2, C = 3, D = 4}\n'
    result = rated(document(MAHARASHTRA_HT, zones), 75_895_000, values)
    said = amounts(result)
    assert said["demand"] == "64900.00"
    assert said["energy"] == "638276.95"
    assert said["fac"] == "21091.22"
    assert (said["tod"], said["tod-night"]) == ("22930.00", "-24052.50")
    assert said["tax-on-sale"] == "6860.91"
    assert said["factor"] == "-50620.20"
    assert result.total_minor == 67_938_638


DHAKA = (
    line(
        "energy",
        "slabs",
        "by_use = [{up_to = 50, slabs = [{from = 0, rate = '3.75'}]}, {slabs = [{from = 0, up_to = 75, rate = '4.19'}, "
        "{from = 75, up_to = 200, rate = '5.72'}, {from = 200, up_to = 300, rate = '6.00'}, {from = 300, up_to = 400, rate = '6.34'}, "
        "{from = 400, up_to = 600, rate = '9.94'}, {from = 600, rate = '11.46'}]}]",
        "round = {to = 1}",
    )
    + line("demand", "per-month", 'per = "kW"', "rate = 30")
    + line("rent", "per-month", "rate = 40")
    + line("vat", "percent", "percent = 5", 'on = ["energy", "demand", "rent"]', "round = {to = 1}")
)


@pytest.mark.parametrize(
    ("kwh", "energy", "vat", "total"), [(118, "560.00", "33.00", 69_300), (159, "795.00", "45.00", 94_000)]
)
def test_two_bills_of_dhaka_to_the_taka(kwh, energy, vat, total):
    """DESCO, April 2021, 2 kW: bills that a landlord prints in whole taka with their prices
    (mightytech.org/Bills/BILL_ser_LOC/printfileBILL.php)."""
    text = document(DHAKA).replace('"INR"', '"BDT"')
    result = rated(text, kwh * 1000, {}, load_w=2000)
    assert amounts(result) == {"energy": energy, "demand": "60.00", "rent": "40.00", "vat": vat}
    assert result.total_minor == total


def test_bangladesh_prepaid_with_its_rebate():
    """Prices of 2024 (standards 6.6, sure): 42 a kW, rent 40, VAT 5 %, rebate 0.5 % of energy. By hand, 250 kWh and 2 kW.

    75 × 5.26 + 125 × 7.20 + 50 × 7.59 = 1,674.00; rebate 8.37; VAT 5 % of 1,674.00 − 8.37 + 84 + 40 = 89.48. What VAT is
    taken of, and that the demand is taken with the first recharge, is not in the source to the paisa.
    """
    text = document(
        line(
            "energy",
            "slabs",
            "slabs = [{from = 0, up_to = 75, rate = '5.26'}, {from = 75, up_to = 200, rate = '7.20'}, {from = 200, rate = '7.59'}]",
        )
        + line("demand", "per-month", 'per = "kW"', "rate = 42")
        + line("rent", "per-month", "rate = 40")
        + line("rebate", "rebate", 'percent = "0.5"', 'on = ["energy"]')
        + line("vat", "percent", "percent = 5", 'on = ["energy", "demand", "rent", "rebate"]')
    )
    result = rated(text, 250_000, {}, load_w=2000)
    assert amounts(result) == {
        "energy": "1674.00",
        "demand": "84.00",
        "rent": "40.00",
        "rebate": "-8.37",
        "vat": "89.48",
    }


def test_city_gas_of_mumbai_by_slabs_a_day():
    """Mahanagar Gas' own example (m.mahanagargas.com, How PNG Bill is Calculated, July 2016): 99 SCM in 61 days.

    Its slabs are 0.60 and 1.50 SCM a day: 36.60 × 21.96, 54.90 × 26.01, 7.50 × 33.36. The first product is printed, the others by hand.
    """
    text = document(
        line(
            "gas",
            "slabs",
            'quantity = "standard_volume_l"',
            'unit = "SCM"',
            'prorate = "days-of-30"',
            "slabs = [{from = 0, up_to = 18, rate = '21.96'}, {from = 18, up_to = 45, rate = '26.01'}, {from = 45, rate = '33.36'}]",
        ),
        'commodity = "gas"\n',
    )
    billed = Period(date(2016, 5, 19), date(2016, 7, 19))
    result = rated(text.replace("2020-01-01", "2016-01-01"), 99_000, {"standard_volume_l": 99_000}, billed)
    assert [(part.quantity, part.unit) for part in result.lines[0].parts] == [
        (pytest.approx(36.6), "SCM"),
        (pytest.approx(54.9), "SCM"),
        (pytest.approx(7.5), "SCM"),
    ]
    assert result.total_minor == 248_189


def test_ontario_time_of_use_with_its_rebate():
    """OEB, 1 November 2024 (standards 6.5, sure): 7.6, 12.2, 15.8 cents, and 13.1 % off the bill before tax. By hand.

    448 × 0.076 + 126 × 0.122 + 126 × 0.158 = 34.05 + 15.37 + 19.91 = 69.33. Delivery and HST are left out: no rate of that date was found.
    """
    prices = ", ".join(
        f"{{zone = '{zone}', rate = '{rate}'}}"
        for zone, rate in (("off-peak", "0.076"), ("mid-peak", "0.122"), ("on-peak", "0.158"))
    )
    text = document(
        line(
            "electricity",
            "zones",
            "otherwise = 'off-peak'",
            f"prices = [{prices}]",
            'round = {to = "0.01", each = "part"}',
        )
        + line("rebate", "rebate", 'percent = "13.1"', 'on = ["electricity"]'),
        'calendar = "ontario"\nzones = {off-peak = 1, mid-peak = 2, on-peak = 3}\n',
    ).replace('"INR"', '"CAD"')
    values = {"import_wh_z1": 448_000, "import_wh_z2": 126_000, "import_wh_z3": 126_000}
    assert amounts(rated(text, 700_000, values)) == {"electricity": "69.33", "rebate": "-9.08"}


def test_charging_a_vehicle_in_delhi():
    """DERC (standards 6.1, sure): 4.50 a kWh, no fixed charge, surcharges of 8 and 7 %, tax of 5 %. By hand, 320 kWh.

    1,440.00; 115.20; 100.80; 5 % of 1,440.00 + 115.20 = 77.76, as the tax of the domestic bill was found to be.
    """
    text = document(
        line("energy", "slabs", one_price('"4.50"'))
        + line("surcharge", "percent", "percent = 8", 'on = ["energy"]')
        + line("pension", "percent", "percent = 7", 'on = ["energy"]')
        + line("tax", "percent", "percent = 5", 'on = ["energy", "surcharge"]')
    )
    assert amounts(rated(text, 320_000, {})) == {
        "energy": "1440.00",
        "surcharge": "115.20",
        "pension": "100.80",
        "tax": "77.76",
    }


def test_a_shop_in_delhi_by_kvah_with_time_of_day():
    """DERC non-domestic above 3 kVA (standards 6.1, sure): 8.50 a kVAh, 250 a kVA, ToD of 20 %. By hand, 10 kVA.

    1,000 kVAh, of them 200 in the peak and 300 off it: 8,500.00; + 20 % of 1,700.00; − 20 % of 2,550.00.
    """
    text = document(
        line("energy", "slabs", 'quantity = "import_vah"', one_price('"8.50"'))
        + line(
            "tod",
            "zone-percent",
            'quantity = "import_vah"',
            'zones_and_slabs = "average"',
            'percents = [{zone = "peak", surcharge = 20}, {zone = "off-peak", rebate = 20}]',
            'on = ["energy"]',
        )
        + line("fixed", "per-month", 'per = "kVA"', "rate = 250"),
        'calendar = "delhi"\nzones = {peak = 1, normal = 2, off-peak = 3}\n',
    )
    values = {
        "import_vah": 1_000_000,
        "import_vah_z1": 200_000,
        "import_vah_z2": 500_000,
        "import_vah_z3": 300_000,
    }
    result = rated(text, 950_000, values, load_va=10_000)
    assert amounts(result) == {"energy": "8500.00", "tod": "-170.00", "fixed": "2500.00"}


def test_a_solar_roof_of_tamil_nadu():
    """The net-metering guide's example (Tamil Nadu solar net metering consumer guide): 900 imported, 500 exported, billed 400.

    The price is an example; the guide's units alone are published.
    """
    text = document(
        line("energy", "slabs", 'quantity = "netted_import_wh"', one_price("5")),
        'net_metering = {bank = "total"}\n',
    )
    result, _ = roof(text, [{"import_wh": 900_000, "export_wh": 500_000}], {}, MONTH)
    assert result.lines[0].parts[0].quantity == 400
    assert amounts(result) == {"energy": "2000.00"}


def test_a_flat_with_a_generator_and_its_share_of_common_areas():
    """By hand, with prices of an example: 180 kWh of the grid, 12 of the generator, 1/200 of 3,000 + 100 of the common areas."""
    text = document(
        line("grid", "slabs", one_price('"7.50"'))
        + line("generator", "slabs", 'quantity = "dg_import_wh"', one_price('"24.00"'))
        + line("common", "slabs", 'quantity = "common_import_wh"', 'share = "flat"', one_price('"7.50"'))
        + line(
            "common-generator",
            "slabs",
            'quantity = "common_dg_import_wh"',
            'share = "flat"',
            one_price('"24.00"'),
        )
    )
    values = {"dg_import_wh": 12_000, "common_import_wh": 3_000_000, "common_dg_import_wh": 100_000}
    assert amounts(rated(text, 180_000, values)) == {
        "grid": "1350.00",
        "generator": "288.00",
        "common": "112.50",
        "common-generator": "12.00",
    }


def test_a_prepaid_month_of_kenya_to_the_cent():
    """A published example of 500 shillings (pulselive.co.ke, How Kenya Power tokens work): 32.3 units, each line to the cent.

    It rounds its sum of 500.42 to 500. Levies are by the unit, REP is 5 % of the energy, VAT 16 % of the first four lines.
    """
    by_unit = {"fuel": "5.71", "forex": "0.17", "warma": "0.05", "inflation": "0.18", "erc": "0.03"}
    text = document(
        line("fixed", "per-month", "rate = 150")
        + line(
            "energy",
            "slabs",
            "slabs = [{from = 0, up_to = 50, rate = '2.50'}, {from = 50, up_to = 1500, rate = '12.75'}, {from = 1500, rate = '20.57'}]",
        )
        + "".join(line(name, "slabs", one_price(f'"{rate}"')) for name, rate in by_unit.items())
        + line("rep", "percent", "percent = 5", 'on = ["energy"]')
        + line("vat", "percent", "percent = 16", 'on = ["fixed", "energy", "fuel", "forex"]')
    ).replace('"INR"', '"KES"')
    result = rated(text, 32_300, {})
    assert amounts(result) == {
        "fixed": "150.00",
        "energy": "80.75",
        "fuel": "184.43",
        "forex": "5.49",
        "warma": "1.62",
        "inflation": "5.81",
        "rep": "4.04",
        "erc": "0.97",
        "vat": "67.31",
    }
    assert result.total_minor == 50_042


def test_a_january_in_great_britain():
    """Ofgem's cap from January 2025 as reported (stayenergysafe.co.uk): 24.86 p a kWh and 60.97 p a day, of gas 6.34 p and 31.65 p.

    These are for direct debit: the report's prices for prepayment could not be read. By hand, 31 days: 240 kWh are 59.66 + 18.90;
    1,100 kWh of gas are 69.74 + 9.81. Prices have VAT: 78.56 have 78.56 × 5/105 = 3.74 of it, which one line takes out of the
    revenue and the other puts to the duty.
    """
    january = Period(date(2025, 1, 1), date(2025, 2, 1))
    pound = ('"INR"', '"GBP"')
    power = document(
        line("energy", "slabs", one_price('"0.2486"'))
        + line("standing", "per-day", 'rate = "0.6097"')
        + line("net", "rebate", 'percent = "5/1.05"', 'on = ["energy", "standing"]')
        + line("vat", "percent", 'percent = "5/1.05"', 'on = ["energy", "standing"]')
    ).replace(*pound)
    assert amounts(rated(power, 240_000, {}, january)) == {
        "energy": "59.66",
        "standing": "18.90",
        "net": "-3.74",
        "vat": "3.74",
    }
    gas = document(
        line("energy", "slabs", 'quantity = "gas_energy_wh"', one_price('"0.0634"'))
        + line("standing", "per-day", 'rate = "0.3165"'),
        'commodity = "gas"\n',
    ).replace(*pound)
    assert amounts(rated(gas, 98_000, {"gas_energy_wh": 1_100_000}, january)) == {
        "energy": "69.74",
        "standing": "9.81",
    }


def test_a_pump_without_a_meter_pays_by_its_horsepower():
    """No published bill: 7.5 hp of 746 W each at 200 a month are 1,500, by a load of 5,595 W."""
    pump = document(line("flat", "per-month", 'per = "kW"', 'rate = "200/0.746"'))
    assert amounts(rated(pump, 0, {}, MONTH, load_w=5595)) == {"flat": "1500.00"}


STEPS = line(
    "demand",
    "demand",
    'unit = "kVA"',
    'billed = "recorded"',
    "telescopic = true",
    "bands = [{up_to = 500, rate = 150}, {up_to = 1000, rate = 260}, {rate = 475}]",
    "floor = 100",
    'at_least = {percent = 85, of = "contracted"}',
    'at_most = {percent = 100, of = "contracted"}',
    'excess = {above = "contracted", rate = 555}',
) + line(
    "fixed",
    "per-month",
    'per = "kVA"',
    'load = "contracted"',
    "telescopic = true",
    "bands = [{up_to_kva = 50, rate = 80}, {rate = 90}]",
)


@pytest.mark.parametrize(
    ("kva", "contracted", "demand"),
    [
        # The first 500 at 150, the next 500 at 260, the rest at 475; above the contract at 555 and at nothing else.
        (1180, 1200, "290500.00"),
        (1260, 1200, "333300.00"),
        (300, 1200, "214500.00"),
        (40, 110, "15000.00"),
    ],
)
def test_demand_in_steps_up_to_the_contract_and_at_another_price_above_it(kva, contracted, demand):
    """In the form of a schedule for high tension of Gujarat; the prices are examples."""
    text = document(STEPS)
    result = rated(text, 0, {"max_import_va": kva * 1000}, contracted_va=contracted * 1000)
    # Of the contract 50 kVA at 80, and each further one at 90.
    assert amounts(result) == {"demand": demand, "fixed": f"{4000 + (contracted - 50) * 90}.00"}


def test_a_shop_of_mauritius_pays_for_twenty_kva_at_least():
    """Tariff 217 of the Central Electricity Board (ceb.intnet.mu/tariffs/commercial.asp): 6.14 a kWh, 186.00 a kVA."""
    text = document(
        line("demand", "demand", 'unit = "kVA"', 'billed = "recorded"', "rate = 186", "floor = 20")
        + line("energy", "slabs", one_price('"6.14"'))
    )
    assert amounts(rated(text, 1_000_000, {"max_import_va": 17_500})) == {
        "demand": "3720.00",
        "energy": "6140.00",
    }
    assert amounts(rated(text, 1_000_000, {"max_import_va": 22_500}))["demand"] == "4185.00"


@pytest.mark.parametrize(("kw", "kva", "billed"), [(100, 105, 100), (100, 120, 108), (40, 44, 65)])
def test_demand_of_quebec_is_the_higher_of_kw_and_90_percent_of_kva(kw, kva, billed):
    """Hydro-Québec's rate M (its page on the bill, 2012): at least 65 % of the highest of winter, 210,000 kWh at 0.041, then 0.0319.

    The winter's highest is 100 kW here. No price of demand was on the page: 14.00 is an example. By hand.
    """
    text = document(
        line(
            "power",
            "demand",
            'unit = "kW"',
            'billed = "recorded"',
            "kva_percent = 90",
            "rate = 14",
            "at_least = {percent = 65, of = 'contracted'}",
        )
        + line(
            "energy",
            "slabs",
            'prorate = "days-of-30"',
            "slabs = [{from = 0, up_to = 210000, rate = '0.041'}, {from = 210000, rate = '0.0319'}]",
        )
    ).replace('"INR"', '"CAD"')
    values = {"max_import_w": kw * 1000, "max_import_va": kva * 1000}
    result = rated(text, 220_000_000, values, contracted_w=100_000)
    # 8,610.00 and 319.00.
    assert amounts(result) == {"power": f"{billed * 14}.00", "energy": "8929.00"}
