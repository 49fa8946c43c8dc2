"""A consumer takes the proof of a posting home, by phone: the file is checked against a kept head."""

import msgspec
import pytest
from playwright.sync_api import expect
from tests.browser.conftest import aside
from tests.browser.test_portal import Device, assert_good, open_page, sign_in  # noqa: F401 - a fixture
from tests.pipeline.test_seal import exported, new_sealer

DEVICES = [Device(390, "en", "light", True), Device(390, "hi", "dark", True)]
WORDS = {
    "en": (
        "Download the proof of this entry",
        "Download the proof of the newest entries",
        "from tomorrow",
    ),
    "hi": ("इस प्रविष्टि का प्रमाण डाउनलोड करें", "सबसे नई प्रविष्टियों का प्रमाण डाउनलोड करें", "कल से"),
}


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.language)
def test_a_proof_is_taken_home(open_page, site, tmp_path, device):  # noqa: F811
    from urja.apps.proofs.receipts import Receipt, check

    of_posting, of_all, tomorrow = WORDS[device.language]
    page, sealer = open_page(device), new_sealer(tmp_path)
    sign_in(page, device)
    where = f"/accounts/{site.home.account_id}/entries/"
    page.goto(f"{where}1/")
    expect(page.locator("#no-proof")).to_contain_text(tomorrow)
    assert_good(page, device)

    def seal():
        from tests.web import house

        sealer.run_once(house.NOW)

    aside(seal, "urja_pipeline")
    for address, name in ((f"{where}1/", of_posting), (where, of_all)):
        page.goto(address)
        expect(page.locator("#proof")).to_have_text(name)
        assert_good(page, device)
        with page.expect_download() as taken:
            page.locator("#proof").click()
        receipt = msgspec.json.decode(taken.value.path().read_bytes(), type=Receipt)
        check(receipt, exported(sealer))
        assert receipt.entries[-1].entry["account_id"] == site.home.account_id
