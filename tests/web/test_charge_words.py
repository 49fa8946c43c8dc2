"""Why the balance moved, in sentences, for each kind of charge line; in both languages."""

from fractions import Fraction

import pytest

from urja.core.rating import parse_tariff

HEAD = """
format = 1
code = "all"
version = "1"
title = "All kinds"
currency = "INR"
valid_from = 2026-01-01
calendar = "tod"
zones = {normal = 1, peak = 3}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
slabs = [{from = 0, rate = 6}]
[[line]]
name = "LINE"
title = "Line"
"""

ZONES = """
accrues = "zones"
zones_and_slabs = "none"
otherwise = "normal"
prices = [{zone = "normal", rate = 8}, {zone = "peak", rate = "9.60"}]
"""
SURCHARGE = """
accrues = "zone-percent"
zones_and_slabs = "average"
on = ["energy"]
percents = [{zone = "peak", surcharge = "20"}]
"""
MINIMUM = 'accrues = "minimum-demand"\nunit = "kVA"\nbilled = "recorded"\nrate = 250\non = ["energy"]\n'
DEMAND = 'accrues = "demand"\nunit = "kVA"\nbilled = "recorded"\nrate = 250\n'
EXCESS = """
accrues = "demand"
unit = "kW"
billed = "excess"
rate = 250
excess = {above = "sanctioned", percent = 100}
"""
FACTOR = """
accrues = "power-factor"
on = ["energy"]
table = [{up_to = "0.90", penalty = 5}, {incentive = 1}]
"""
HOURS = """
accrues = "slabs"
demand = {unit = "kW", billed = "recorded"}
slabs = [{from = 0, up_to = 200, rate = 9}, {from = 200, rate = 7}]
"""
LOAD_FACTOR = """
accrues = "load-factor"
demand = {unit = "kVA", billed = "contracted"}
on = ["energy"]
table = [{up_to = 30, penalty = 2}, {incentive = 1}]
"""
GENERATOR = 'accrues = "slabs"\nquantity = "dg_import_wh"\nslabs = [{from = 0, rate = "19.50"}]\n'
EXPORT = 'accrues = "slabs"\nquantity = "export_wh"\ncredit = true\nslabs = [{from = 0, rate = "2.80"}]\n'
RECHARGES = 'accrues = "recharge-rebate"\npercent = 2\n'
SUBSIDY = 'accrues = "rebate"\npercent = 50\non = ["energy"]\nclaim_on = "government"\n'
REBATE = 'accrues = "rebate"\npercent = 3\non = ["energy"]\n'


def told(text, *rows, head=HEAD):
    from urja.apps.billing.queries.ledger_entries import Row
    from urja.web.shared.charge_words import sentences

    line = parse_tariff(head.replace('"LINE"', '"line"') + text).line("line")
    made = [
        Row("k", label, Fraction(quantity), unit, Fraction(rate), amount)
        for label, quantity, unit, rate, amount in rows
    ]
    return sentences(line, made, "INR")


KINDS = {
    "zone": (
        ZONES,
        ("peak", "3.2", "kWh", 960, -3072),
        "Peak: you used 3.2 kWh at ₹9.60, which is ₹30.72.",
        "पीक: आपने ₹9.60 की दर से 3.2 kWh इस्तेमाल की, यानी ₹30.72।",
    ),
    "late zone": (
        ZONES,
        ("normal", "-0.3", "kWh", 800, 240),
        "Normal: 0.3 kWh less than was charged before, at ₹8.00: ₹2.40 back.",
        "सामान्य: पहले जितना लिया गया था उससे 0.3 kWh कम, ₹8.00 की दर से: ₹2.40 वापस।",
    ),
    "surcharge": (
        SURCHARGE,
        ("peak: 20 % of Energy charge on average", "30000", "minor", "1/5", -6000),
        "Peak: what you used then costs 20 % more, of ₹300.00 at the usual price.",
        "पीक: उस समय की खपत पर 20 % अधिक लगता है, सामान्य मूल्य ₹300.00 पर।",
    ),
    "generator": (
        GENERATOR,
        ("all energy", "3.5", "kWh", 1950, -6825),
        "The generator supplied 3.5 kWh while the grid had failed.",
        "ग्रिड बंद रहने के दौरान जनरेटर ने 3.5 kWh दी।",
    ),
    "export": (
        EXPORT,
        ("all energy", "4", "kWh", -280, 1120),
        "You fed 4 kWh into the grid.",
        "आपने ग्रिड को 4 kWh दी।",
    ),
    "demand": (
        DEMAND,
        ("2026-03, 31 of 31 days, 12.5 kVA", "31", "day", 100, -3100),
        "It is for your highest demand of the billing period: 12.5 kVA.",
        "यह बिलिंग अवधि में आपकी अधिकतम माँग का है: 12.5 kVA।",
    ),
    "limited demand": (
        DEMAND + 'at_most = {percent = 100, of = "contracted"}\n',
        ("2026-03, 31 of 31 days, 5 kVA", "31", "day", 100, -3100),
        "It is for 5 kVA: your highest demand, within the least and the most of your tariff.",
        "यह 5 kVA का है: आपकी अधिकतम माँग, टैरिफ़ की न्यूनतम और अधिकतम सीमा के भीतर।",
    ),
    "minimum by demand": (
        MINIMUM,
        ("2026-03, 31 of 31 days, 12.5 kVA", "31", "day", 100, -3100),
        "The bill is at least what a demand of 12.5 kVA costs.",
        "बिल कम से कम उतना है जितना 12.5 kVA की माँग का मूल्य है।",
    ),
    "minimum by earlier demand": (
        MINIMUM + "ratchet = {periods = 6}\n",
        ("2026-03, 31 of 31 days, 12.5 kVA", "31", "day", 100, -3100),
        "The bill is at least what a demand of 12.5 kVA costs. Your demand in earlier billing periods counts for it too.",
        "बिल कम से कम उतना है जितना 12.5 kVA की माँग का मूल्य है। इसमें पिछली बिलिंग अवधियों की आपकी माँग भी गिनी जाती है।",
    ),
    "excess of the contract": (
        EXCESS.replace("sanctioned", "contracted"),
        ("2026-03, 31 of 31 days, 3 kW above the contracted load", "31", "day", 100, -3100),
        "Your highest demand was 3 kW above your contracted load.",
        "आपकी अधिकतम माँग अनुबंधित लोड से 3 kW ऊपर थी।",
    ),
    "priced by": (
        'accrues = "slabs"\npriced_by = {quantity = "import_vah"}\nslabs = [{from = 0, rate = 8}]\n',
        ("all energy", "4", "kVAh", 800, -3200),
        "The slabs are in kWh. The price is for what was counted beside it: 4 kVAh.",
        "स्लैब kWh में हैं। मूल्य साथ में गिनी गई मात्रा का है: 4 kVAh।",
    ),
    "excess": (
        EXCESS,
        ("2026-03, 31 of 31 days, 3 kW above the sanctioned load", "31", "day", 100, -3100),
        "Your highest demand was 3 kW above your sanctioned load.",
        "आपकी अधिकतम माँग स्वीकृत भार से 3 kW ऊपर थी।",
    ),
    "penalty": (
        FACTOR,
        ("power factor 0.85: 5 % of Energy charge", "77000", "minor", "1/20", -3850),
        "Your power factor was 0.85: a penalty of 5 %.",
        "आपका पावर फ़ैक्टर 0.85 था: 5 % का जुर्माना।",
    ),
    "incentive": (
        FACTOR,
        ("power factor 0.98: -1 % of Energy charge", "77000", "minor", "-1/100", 770),
        "Your power factor was 0.98: an incentive of 1 %.",
        "आपका पावर फ़ैक्टर 0.98 था: 1 % का प्रोत्साहन।",
    ),
    "hours of the demand": (
        HOURS,
        ("slab 1: 0 to 24000 kWh", "100", "kWh", 900, -90000),
        "The slabs grow with your demand: their limits are what it uses in a number of hours.",
        "स्लैब आपकी माँग के साथ बढ़ते हैं: उनकी सीमा उतनी ऊर्जा है जितनी यह माँग तय घंटों में खपत करती है।",
    ),
    "slabs by load factor": (
        HOURS.replace("}", ', bounds = "load-factor"}', 1),
        ("slab 1: 0 to 24000 kWh", "100", "kWh", 900, -90000),
        "The slabs grow with your demand: their limits are shares of what it would use if it never stopped.",
        "स्लैब आपकी माँग के साथ बढ़ते हैं: उनकी सीमा उस खपत का हिस्सा है जो यह माँग बिना रुके चलने पर करती।",
    ),
    "low load factor": (
        LOAD_FACTOR,
        ("load factor 25.5 %: 2 % of Energy charge", "77000", "minor", "1/50", -1540),
        "Your load factor was 25.5 %: a penalty of 2 %.",
        "आपका लोड फ़ैक्टर 25.5 % था: 2 % का जुर्माना।",
    ),
    "high load factor": (
        LOAD_FACTOR,
        ("load factor 80 %: -1 % of Energy charge", "77000", "minor", "-1/100", 770),
        "Your load factor was 80 %: an incentive of 1 %.",
        "आपका लोड फ़ैक्टर 80 % था: 1 % का प्रोत्साहन।",
    ),
    "recharge rebate": (
        RECHARGES,
        ("2 % of recharges", "50000", "minor", "-1/50", 1000),
        "A rebate of 2 % on what you recharged.",
        "आपके रिचार्ज पर 2 % की छूट।",
    ),
    "rebate": (
        REBATE,
        ("-3 % of Energy charge", "60000", "minor", "-3/100", 1800),
        "A rebate of 3 %.",
        "3 % की छूट।",
    ),
    "subsidy": (
        SUBSIDY,
        ("-50 % of Energy charge", "60000", "minor", "-1/2", 30000),
        "A subsidy: Government pays this part of your bill.",
        "सब्सिडी: आपके बिल का यह हिस्सा सरकार देता है।",
    ),
    "claw-back": (
        SUBSIDY,
        ("taken back: -50 % of Energy charge", "-60000", "minor", "-1/2", -30000),
        "Your use has passed the limit of a subsidy. What was given for this billing period before is taken back.",
        "आपकी खपत सब्सिडी की सीमा से ऊपर हो गई है। इस बिलिंग अवधि में पहले जो दिया गया था वह वापस लिया जाता है।",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_sentence(django, kind):
    text, row, english, _ = KINDS[kind]
    assert told(text, row) == [english]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_sentence_in_hindi(in_hindi, kind):
    text, row, _, hindi = KINDS[kind]
    assert told(text, row) == [hindi]


GAS = HEAD.replace('currency = "INR"', 'currency = "INR"\ncommodity = "gas"').replace(
    'calendar = "tod"\nzones = {normal = 1, peak = 3}\n', ""
)


@pytest.mark.parametrize(
    ("quantity", "unit", "said"),
    [
        (
            "standard_volume_l",
            "SCM",
            "The price is for the volume at base conditions: 1.25 SCM, not what the register shows.",
        ),
        (
            "gas_energy_wh",
            "kWh",
            "The price is for the energy of the gas, its volume times its heat value: 1.25 kWh.",
        ),
    ],
)
def test_gas_says_what_its_price_is_for(django, quantity, unit, said):
    text = f'accrues = "slabs"\nquantity = "{quantity}"\nunit = "{unit}"\nslabs = [{{from = 0, rate = 42}}]\n'
    assert told(text, ("all energy", "1.25", unit, 4200, -5250), head=GAS) == [said]


HEAT = """
accrues = "slabs"
quantity = "standard_volume_l"
priced_by = {quantity = "gas_energy_wh", unit = "MMBtu"}
slabs = [{from = 0, up_to = 90, rate = 200}, {from = 90, rate = 300}]
"""
HEATED = [
    ("slab 1: 0 to 90 SCM", "3.6", "MMBtu", 20000, -72000),
    ("slab 2: above 90 SCM", "0.4", "MMBtu", 30000, -12000),
]


def test_slabs_of_gas_by_volume_say_that_the_price_is_for_energy(django):
    assert told(HEAT, *HEATED, head=GAS) == [
        "The slabs are in SCM. The price is for the energy of the gas in them, its volume times its heat value: 4 MMBtu."
    ]
    assert told(HEAT, (*HEATED[0][:1], "-0.1", "MMBtu", 20000, 2000), head=GAS) == []


def test_slabs_of_gas_by_volume_say_it_in_hindi(in_hindi):
    assert told(HEAT, *HEATED, head=GAS) == [
        "स्लैब SCM में हैं। मूल्य उनमें आई गैस की ऊर्जा का है, यानी आयतन गुणा ऊष्मा मान: 4 MMBtu।"
    ]


def test_a_settled_bank_is_paid(django):
    head = HEAD.replace(
        '[[line]]\nname = "energy"',
        'net_metering = {bank = "total", settlement_month = 3}\n[[line]]\nname = "energy"',
        1,
    )
    assert told(
        'accrues = "settlement"\nrate = "2.90"\n', ("banked units settled", 60, "kWh", -290, 17400), head=head
    ) == ["The 60 kWh left in your bank of units are paid to you at ₹2.90 each."]


def test_a_plain_line_says_nothing_beside_its_rows(django):
    assert told('accrues = "per-day"\nrate = 2\n', ("by day", 1, "day", 200, -200)) == []
