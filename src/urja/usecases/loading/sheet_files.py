"""A society's file as one thing: parsed, its columns guessed or mapped, its rows read; marked; and an empty one."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from urja.base.sentences import say, translated
from urja.core.sheets import columns, reading, sheet_map
from urja.core.sheets.cells import text_of
from urja.core.sheets.grid import Grid, column_letters
from urja.core.sheets.headings import Headings
from urja.core.sheets.reading import SheetFault, SheetReading
from urja.core.sheets.sheet_map import SheetMap
from urja.usecases.loading import sheet_process
from urja.usecases.loading.sheet_process import UnreadableSheetError

_SAMPLES: Final = 3
_SAMPLE: Final = 30
"""Characters of a cell that are shown."""


@dataclass(frozen=True, slots=True)
class SheetFile:
    """A parsed file and the map by which it is read."""

    grid: Grid
    headings: Headings
    map: SheetMap

    @property
    def layout(self) -> str:
        """What its headings are known again by."""
        return sheet_map.layout_of(self.headings.columns)

    def read(self) -> SheetReading:
        """Return its rows. Raises SheetMapError where the map does not fit."""
        return reading.read(self.grid, self.headings, self.map)


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column as a person corrects it."""

    letter: str
    heading: str
    field: str
    """The field that it is read as; empty where it is passed over."""
    samples: tuple[str, ...]
    """Its first values; none for keys."""
    keys: bool
    """Whether it has keys of meters, which are not read."""


def open_file(
    content: bytes,
    the_map: SheetMap | None,
    *,
    society: str,
    today: date,
    remembered: Callable[[str], SheetMap | None] = lambda _: None,
) -> SheetFile:
    """Return a parsed file with its map, or that of an earlier file of this layout, or a guessed one.

    Raises UnreadableSheetError, SheetMapError.
    """
    grids = sheet_process.parse(content)
    if the_map is not None:
        grid, headings = sheet_map.located(grids, the_map)
        return SheetFile(grid, headings, the_map)
    grid, found = sheet_map.choose_sheet(grids)
    if found is None:
        raise UnreadableSheetError(
            say("no row names two known columns, such as Flat No and Name: name the columns in one row")
        )
    known = remembered(sheet_map.layout_of(found.columns))
    return SheetFile(grid, found, known or sheet_map.guess(grid, found, society=society, today=today))


def shown_columns(file: SheetFile) -> list[ShownColumn]:
    """Return the columns with the field of each and some values; of keys no value."""
    fields = {heading: name for name, heading in file.map.columns.items()}
    keys = columns.key_columns(file.headings.columns)
    return [
        ShownColumn(
            column_letters(column.place),
            column.heading,
            "" if column in keys else fields.get(column.heading, ""),
            () if column in keys else _samples(file, column.place),
            column in keys,
        )
        for column in file.headings.columns
    ]


def _samples(file: SheetFile, place: int) -> tuple[str, ...]:
    rows = range(file.headings.last + 1, file.grid.height + 1)
    filled = (text for n in rows if (text := text_of(file.grid.stored(n, place))))
    return tuple(text[:_SAMPLE] for text, _ in zip(filled, range(_SAMPLES), strict=False))


def marked(
    content: bytes, file: SheetFile, faults: Sequence[SheetFault], catalogue: Callable[[str], str] = str
) -> bytes:
    """Return a copy of a file with its faults marked, in the language of a catalogue. Raises UnreadableSheetError."""
    return sheet_process.marked_copy(
        content,
        sheet=file.grid.name,
        heading_row=file.headings.last,
        title=catalogue(say("Fault").pattern),
        marks=[(fault, sentence_of(fault, catalogue)) for fault in faults],
    )


def sentence_of(fault: SheetFault, catalogue: Callable[[str], str] = str) -> str:
    """Return a fault with its remedy as one sentence."""
    return "; ".join(translated(text, catalogue) for text in (fault.sentence, fault.remedy) if text)


_TEMPLATE: Final = {
    "en": ["Tower", "Flat No", "Resident Name", "Mobile", "Email", "Language", "Meter Sr No", "Sanctioned Load (kW)",
           "Move-in date", "Opening balance (Cr / Dr)", "Security deposit", "Postal address"],
    "hi": ["टावर", "फ्लैट नं", "निवासी का नाम", "मोबाइल नं", "ईमेल", "भाषा", "मीटर नं", "स्वीकृत भार (kW)", "कब्जे की तारीख",
           "प्रारंभिक शेष (जमा / नामे)", "जमानत राशि", "डाक पता"],
}  # fmt: skip
LANGUAGES: Final = tuple(_TEMPLATE)


def template(language: str) -> bytes:
    """Return an empty workbook with the headings in a language, in columns formatted so that nothing is rounded."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    page = book.worksheets[0]
    page.title = "Members"
    for place, heading in enumerate(_TEMPLATE[language], 1):
        page.cell(1, place, heading).font = Font(bold=True)
        letter = get_column_letter(place)
        page.column_dimensions[letter].width = max(14, len(heading) + 2)
        field, _ = columns.field_of(heading)
        form = (
            "d mmm yyyy"
            if field == "since"
            else "@"
            if field in {"flat", "tower", "phone", "meter_serial"}
            else ""
        )
        for row in range(2, 302):
            if form:
                page.cell(row, place).number_format = form
    page.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
