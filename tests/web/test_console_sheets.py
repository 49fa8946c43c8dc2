"""A spreadsheet in the browser: uploaded, its columns corrected, tried out, marked, loaded; and who sees it."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook
from tests.usecases.loading.test_sheets import ROWS, book, changed, residents
from tests.web import town_cast
from tests.web.console_staff import as_pipeline
from tests.web.reading import text_of

PLACE = "/console/sheets/"
BAD = [["Tower", "Flat No", "Resident Name", "Mobile", "Key of the door", "GUEK"]]
BAD += [
    ["A", 101, "Meera Devi", "12345", "17", "00" * 16],
    ["A", 102, "Ravi Kumar", 9812345679.0, "18", "11" * 16],
]
FORM = {
    "column-A": "tower", "column-B": "flat", "column-C": "person_name", "column-D": "phone", "society": "Green Acres",
    "prefix": "", "tariff": "demo-domestic", "since": "2026-03-01", "load_kw": "3", "dates": "auto",
}  # fmt: skip


def read():
    """Let the pipeline answer."""
    from urja.pipeline.sheets import Sheets

    as_pipeline(lambda: Sheets("Green Acres", "INR").run_once(town_cast.NOW))


def upload(client, rows, name="members.xlsx"):
    file = SimpleUploadedFile(name, rows if isinstance(rows, bytes) else book(rows))
    return client.post(PLACE, {"file": file})


def test_a_sheet_is_corrected_marked_and_loaded(at_noon, staff, colleague):
    client = colleague("clerk")
    page = upload(client, BAD)["Location"]
    assert "In progress" in text_of(client.get(page))
    read()
    text = text_of(client.get(page))
    assert "Keys of meters are never read here" in text
    assert "00" * 16 not in text
    assert "D2 it is not a telephone number" in text
    assert client.post(page, FORM)["Location"] == page
    read()
    answer = client.get(page)
    assert "New flats 1 Changed 0 Unchanged 0 Rows with faults 1" in text_of(answer)
    html = answer.content.decode()
    marked = client.get(re.search(rf'href="({page}marked/\d+/)"', html)[1])
    assert (
        load_workbook(io.BytesIO(marked.content))
        .worksheets[0]["D2"]
        .comment.text.startswith("it is not a tele")
    )
    assert marked["Content-Disposition"] == 'attachment; filename="marked.xlsx"'
    check = re.search(r'name="check" value="(\d+)"', html)[1]
    client.post(f"{page}load/", {"check": check, "good_rows": "yes"})
    read()
    text = text_of(client.get(page))
    assert "Loaded" in text
    assert "New flats 1" in text
    assert ("GA-A-102", ("Ravi Kumar", "+919812345679")) in residents().items()
    # What was seen is loaded once: the same button again is another check's.
    assert client.post(f"{page}load/", {"check": check, "good_rows": "yes"})["Location"] == page
    assert "In progress" not in text_of(client.get(page))


def test_it_is_in_hindi_and_faults_of_the_form_are_said(at_noon, staff, colleague):
    client = colleague("clerk", "hi")
    page = upload(client, changed(ROWS, 1, 3, "12"))["Location"]
    read()
    text = text_of(client.get(page))
    assert "D2 यह टेलीफ़ोन नंबर नहीं है" in text
    assert "प्रारंभिक शेष, जमानत और मीटर रीडिंग यहाँ लोड नहीं होतीं" in text
    for wrong, said in (
        ({"column-C": "flat"}, "दो कॉलम"),
        ({"since": "2026-02-31"}, "कैलेंडर की तारीख नहीं"),
        ({"load_kw": "many"}, "किलोवाट में एक संख्या"),
        ({"load_kw": "1e999"}, "किलोवाट में एक संख्या"),
        ({"load_kw": "-5"}, "एक मान ठीक नहीं"),
        ({"dates": "x"}, "एक मान ठीक नहीं"),
    ):
        answer = client.post(page, FORM | wrong)
        assert answer.status_code == 422, wrong
        assert said in text_of(answer)
    client.post(page, FORM | {"column-B": ""})
    read()
    assert "फ्लैट या उपभोक्ता संख्या का कोई कॉलम नहीं चुना गया" in text_of(client.get(page))


@pytest.mark.parametrize("content", [b"", bytes((5 << 20) + 1)])
def test_a_file_that_is_empty_or_too_large_is_not_stored(at_noon, staff, colleague, content):
    from urja.apps.sheets.models import Upload

    answer = upload(colleague("clerk"), content)
    assert answer.status_code == 422
    assert not Upload.objects.exists()


def test_a_file_that_cannot_be_read_says_why(at_noon, staff, colleague):
    client = colleague("clerk")
    page = upload(client, b"PK\x03\x04nothing", "x\r\n.xlsx")["Location"]
    read()
    assert "it is damaged" in text_of(client.get(page))


def test_the_sheet_of_another_is_no_page(at_noon, staff, colleague):
    page = upload(colleague("clerk"), ROWS)["Location"]
    for other in ("auditor", "clerk_north", "field_engineer", "administrator"):
        client = colleague(other)
        assert client.get(PLACE).status_code == 404
        assert client.get(page).status_code == 404
        assert client.post(f"{page}load/", {"check": "1"}).status_code == 404
