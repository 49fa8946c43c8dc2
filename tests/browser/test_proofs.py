"""A consumer takes the proof of a posting home, by phone: the file is checked against a kept head."""

import msgspec
from playwright.sync_api import expect
from tests.browser.conftest import aside
from tests.browser.test_portal import Device, assert_good, open_page, sign_in  # noqa: F401 - a fixture
from tests.pipeline.test_seal import exported, new_sealer

DEVICE = Device(390, "hi", "dark", True)
OF_POSTING = "इस प्रविष्टि का प्रमाण डाउनलोड करें"
OF_ALL = "सबसे नई प्रविष्टियों का प्रमाण डाउनलोड करें"
TOMORROW = "कल से"


def test_a_proof_is_taken_home(open_page, site, tmp_path):  # noqa: F811
    from urja.apps.proofs.receipts import Receipt, check

    page, sealer = open_page(DEVICE), new_sealer(tmp_path)
    sign_in(page, DEVICE)
    where = f"/accounts/{site.home.account_id}/entries/"
    page.goto(f"{where}1/")
    expect(page.locator("#no-proof")).to_contain_text(TOMORROW)
    assert_good(page, DEVICE)

    def seal():
        from tests.web import house

        sealer.run_once(house.NOW)

    aside(seal, "urja_pipeline")
    for address, name in ((f"{where}1/", OF_POSTING), (where, OF_ALL)):
        page.goto(address)
        expect(page.locator("#proof")).to_have_text(name)
        assert_good(page, DEVICE)
        with page.expect_download() as taken:
            page.locator("#proof").click()
        receipt = msgspec.json.decode(taken.value.path().read_bytes(), type=Receipt)
        check(receipt, exported(sealer))
        assert receipt.entries[-1].entry["account_id"] == site.home.account_id
