"""Messy member lists of fictional societies: one truth, written as different people write it."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from urja.core.sheets.grid import Grid, Merge

NAMES = [
    "Meera Devi",
    "Ravi Kumar",
    "सीता शर्मा",
    "Abdul Karim",
    "Lakshmi Iyer",
    "गुरप्रीत सिंह",
    "Joseph D'Souza",
    "क्षितिज त्रिपाठी",
]
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")


@dataclass
class Society:
    name: str
    titles: list[str]
    headings: dict[str, str]
    upper: dict[str, str] = field(default_factory=dict)
    """Fields under a merged upper heading."""
    hindi: bool = False
    towers_as_rows: bool = False


SOCIETIES = [
    Society("Green Acres", ["GREEN ACRES CHS LTD.", "List of members as on 31.03.2026"], {
        "row": "Sr. No.", "flat": "Flat No", "person_name": "Owner/Tenant Name", "phone": "Mob No", "meter_serial": "Meter Sr. No.",
        "balance": "Opening Bal", "area": "Area sqft", "load": "Sanctioned Load (KW)", "since": "Possession Dt"}),
    Society("Lotus Court", [], {
        "tower": "Wing", "flat": "Flat", "person_name": "Name", "phone": "Mobile", "email": "E-mail ID", "meter_serial": "No.",
        "load": "Load", "balance": "Outstanding (Rs.)", "since": "Move-in date"},
        upper={"person_name": "Tenant Details", "phone": "Tenant Details", "email": "Tenant Details", "meter_serial": "Meter",
               "load": "Meter"}),
    Society("कमल विहार", ["कमल विहार सहकारी आवास समिति"], {
        "row": "क्र.सं.", "flat": "फ्लैट नं", "person_name": "मालिक/किरायेदार का नाम", "phone": "मोबाइल नंबर", "meter_serial": "मीटर क्रमांक",
        "load": "स्वीकृत भार (kW)", "balance": "बकाया राशि (₹)", "since": "कब्जे की तारीख"}, hindi=True),
    Society("Silver Oaks", ["Silver Oaks"], {
        "flat": "Unit No.", "person_name": "Resident", "phone": "Contact No", "since": "Residing since", "load": "Load (W)",
        "remarks": "Remarks"}, towers_as_rows=True),
]  # fmt: skip


@dataclass
class Messy:
    society: Society
    rows: list[list[object]]
    merges: list[Merge]
    truth: list[dict[str, object]]
    heading: tuple[int, int]

    def grid(self) -> Grid:
        return Grid("Members", self.rows, tuple(self.merges))


def messy(seed: int, flats: int = 30) -> Messy:
    """A sheet without faults: whatever is in it can be read in one way only."""
    rng = Random(seed)
    society = SOCIETIES[seed % len(SOCIETIES)]
    fields = list(society.headings)
    rows: list[list[object]] = [[title] for title in society.titles]
    merges = [Merge(n, 0, n, len(fields) - 1) for n in range(1, len(rows) + 1)]
    if society.titles and rng.random() < 0.5:
        rows.append([])
    first = len(rows) + 1
    if society.upper:
        rows.append([society.upper.get(name, society.headings[name]) for name in fields])
        rows.append([society.headings[name] if name in society.upper else None for name in fields])
        merges += _upper_merges(society, fields, first)
        # A merged range stores its value in its first cell alone.
        for merge in merges:
            if merge.top == first:
                for column in range(merge.left + 1, merge.right + 1):
                    rows[first - 1][column] = None
    else:
        rows.append([society.headings[name] for name in fields])
    last = len(rows)
    truth = []
    for place in range(flats):
        tower, number = "AB"[place * 2 // flats], str(101 + place)
        if society.towers_as_rows and (not truth or truth[-1]["tower"] != tower):
            rows.append([f"Tower {tower}"])
        if rng.random() < 0.1:
            rows.append([None] * len(fields))
        one = _flat(rng, place, tower, number, fields)
        rows.append([_written(rng, society, name, one, place) for name in fields])
        one["n"] = len(rows)
        truth.append(one)
        if rng.random() < 0.05:
            rows.append(list(rows[-1]))
    rows.append(["Total"] + [1234 if name == "balance" else None for name in fields[1:]])
    return Messy(society, rows, merges, truth, (first, last))


def _upper_merges(society, fields, first):
    column = 0
    while column < len(fields):
        upper, right = society.upper.get(fields[column]), column
        while upper and right + 1 < len(fields) and society.upper.get(fields[right + 1]) == upper:
            right += 1
        yield Merge(first, column, first, right) if upper else Merge(first, column, first + 1, column)
        column = right + 1


def _flat(rng, place, tower, number, fields):
    vacant = rng.random() < 0.1
    one = {
        "tower": tower,
        "flat": f"{tower}-{number}",
        "person_name": None if vacant else NAMES[place % len(NAMES)],
    }
    if not vacant:
        one["since"] = date(2020, 1, 1) + timedelta(days=rng.randrange(2000))
        one["load"] = rng.choice([1000, 3000, 5000, 7500])
        if "phone" in fields and rng.random() < 0.9:
            one["phone"] = f"+91{9800000000 + place * 7919}"
        if "email" in fields and rng.random() < 0.7:
            one["email"] = f"flat{number}@example.org"
        if "balance" in fields and rng.random() < 0.5:
            one["balance"] = rng.choice([-1, 1]) * rng.randrange(100, 20_000_000)
    if "meter_serial" in fields:
        one["meter_serial"] = f"URJ{20_000_000 + place}"
    return one


def _written(rng, society, name, one, place):
    value = one.get(name)
    match name:
        case "row":
            return place + 1
        case "area":
            return rng.choice([850, "850 sqft"])
        case "remarks":
            return rng.choice([None, "ok", "call first"])
        case "tower":
            return rng.choice([value, f" {value} ", f"Tower {value}"])
        case "flat":
            return _flat_words(rng, society, one)
        case "person_name" if value is None:
            return rng.choice(["Vacant", "-", None, "NA", "खाली"])
        case "person_name":
            return rng.choice([value, f"  {value}\u00a0", f"{value}\u200b"])
    if value is None:
        return rng.choice([None, "NA", "-", "nil", "N.A.", " "])
    match name:
        case "phone":
            return _phone(rng, society, str(value))
        case "since":
            return _day(rng, society, value)
        case "load":
            return _load(rng, society, value)
        case "balance":
            return _amount(rng, society, value)
        case "email":
            return rng.choice([value, str(value).upper(), f" {value} "])
    return value


def _flat_words(rng, society, one):
    number = str(one["flat"]).partition("-")[2]
    if society.towers_as_rows or "tower" in society.headings:
        return rng.choice([number, int(number), float(number), f" {number} "])
    text = rng.choice(
        [
            f"{one['tower']}-{number}",
            f"{one['tower']}/{number}",
            f"{one['tower']} {number}",
            f"{one['tower']}{number}",
        ]
    )
    return text.translate(DEVANAGARI) if society.hindi else text


def _phone(rng, society, value):
    digits = value.removeprefix("+91")
    text = rng.choice(
        [
            digits,
            f"{digits[:5]} {digits[5:]}",
            f"+91-{digits}",
            f"0{digits}",
            f"91{digits}",
            f"+91 {digits[:5]}-{digits[5:]}",
        ]
    )
    return rng.choice(
        [float(digits), int(digits), text, text.translate(DEVANAGARI) if society.hindi else text]
    )


def _day(rng, society, value):
    texts = [
        f"{value:%d-%b-%Y}",
        f"{value.day} {value:%B} {value:%Y}",
        f"{value:%Y-%m-%d}",
        f"{value:%b} {value.day}, {value:%Y}",
    ]
    if value.day > 12:
        texts += [f"{value:%d/%m/%Y}", f"{value:%d.%m.%y}"]
    return rng.choice([(value - date(1899, 12, 30)).days, *texts])


def _load(rng, society, value):
    if "(W)" in society.headings["load"]:
        return rng.choice([value, str(value), f"{value / 1000:g} kW"])
    return rng.choice([value / 1000, f"{value / 1000:g}", f"{value / 1000:g} kW", f"{value / 1000:g}KW"])


def _amount(rng, society, minor):
    whole, paise = divmod(abs(minor), 100)
    text = f"{_lakhs(whole)}.{paise:02}"
    side = "Cr" if minor > 0 else "Dr"
    return rng.choice([f"{text} {side}", f"₹ {text} {side}.", f"Rs.{whole}.{paise:02}{side}"])


def _lakhs(whole):
    text = str(whole)
    head, tail = text[:-3], text[-3:]
    while head:
        tail, head = f"{head[-2:]},{tail}", head[:-2]
    return tail


def workbook(sheet: Messy) -> bytes:
    """The sheet as Excel has it."""
    from io import BytesIO

    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    page.title = "Members"
    for row in sheet.rows:
        page.append(row)
    for merge in sheet.merges:
        page.merge_cells(
            start_row=merge.top, start_column=merge.left + 1, end_row=merge.bottom, end_column=merge.right + 1
        )
    out = BytesIO()
    book.save(out)
    return out.getvalue()
