"""The page of opening balances: listed supply by supply, with the way to their sign-off."""

import html
import re

import pytest
from tests.web.reading import text_of

PAGE = "/console/opening-balances/"


@pytest.fixture
def brought(at_noon, staff, database_of_town):
    """One agreement's opening balance waits."""
    with database_of_town("urja_owner") as owner:
        return owner.execute(
            "INSERT INTO billing_opening_balance (id, agreement_id, recorded_at, actor) "
            "SELECT 1, min(id), now(), 'test' FROM contracts_agreement RETURNING agreement_id"
        ).fetchone()[0]


def test_who_may_sign_off_sees_the_list_and_fills_in_the_operation(brought, colleague):
    officer = colleague("revenue_officer")
    assert PAGE in officer.get("/console/payments/").content.decode()
    page = officer.get(PAGE)
    text = text_of(page)
    assert "Supplies whose opening balance waits for its sign-off: 1." in text
    (form,) = re.findall(
        r'href="(/console/operations/sign_off_opening_balances/[^"]*)"', page.content.decode()
    )
    (listed,) = re.findall("<code[^>]*>([0-9a-f]{64})</code>", page.content.decode())
    assert f'value="{listed}"' in officer.get(html.unescape(form)).content.decode()
    file = officer.get("/console/opening-balances.csv")
    assert file.content.decode().startswith("consumer_number,premise,currency,credit")
    assert "नहीं" not in text
    hindi = text_of(officer.get(PAGE, headers={"Accept-Language": "hi"}))
    assert "इस सूची की पुष्टि करें" in hindi


@pytest.mark.parametrize("role", ["clerk", "auditor", "field_engineer"])
def test_the_page_is_for_who_may_sign_off(brought, colleague, role):
    for path in (PAGE, "/console/opening-balances.csv"):
        assert colleague(role).get(path).status_code == 404
