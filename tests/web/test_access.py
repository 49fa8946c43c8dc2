"""Who sees what: a role on the account opens it, anything else does not even say that it exists."""

import pytest
from tests.logs import logged
from tests.web.reading import text_of


def addresses(home):
    root = f"/accounts/{home.account_id}/"
    return [root, f"{root}live/", f"{root}entries/", f"{root}entries/5/"]


@pytest.mark.parametrize("who", ["owner_id", "member_id"])
def test_a_role_opens_every_page_of_the_account(home, browser, who):
    client = browser(user_id=getattr(home, who))
    assert "Flat 12, Neem Street" in text_of(client.get("/"))
    assert [client.get(address).status_code for address in addresses(home)] == [200] * 4


def test_an_outsider_gets_what_a_missing_page_gives_and_it_is_logged(home, browser):
    client = browser(user_id=home.outsider_id)
    missing = client.get("/accounts/123/")
    with logged() as logs:
        answers = [client.get(address) for address in addresses(home)]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert {text_of(answer) for answer in answers} == {text_of(missing)}
    refusals = [entry for entry in logs if entry["event"] == "access refused"]
    assert len(refusals) == 4
    assert refusals[0] == {
        "event": "access refused",
        "log_level": "warning",
        "account": home.account_id,
        "user": home.outsider_id,
        "path": addresses(home)[0],
    }


def test_refusals_are_counted(home, browser):
    from urja.web.shared import metrics

    before = metrics.REFUSED._value.get()
    browser(user_id=home.outsider_id).get(addresses(home)[0])
    assert metrics.REFUSED._value.get() == before + 1


def test_no_unknown_visitor_sees_anything(home, browser):
    client = browser()
    for address in [*addresses(home), "/", "/entries/5/"]:
        response = client.get(address)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/sign-in/?next=")


def test_a_posting_of_ones_only_account_needs_no_account_in_its_name(home, browser):
    response = browser(user_id=home.owner_id).get("/entries/5/")
    assert response.headers["Location"] == f"/accounts/{home.account_id}/entries/5/"
    assert browser(user_id=home.landlord_id).get("/entries/5/").status_code == 404


def test_a_posting_that_is_not_there(home, browser):
    client = browser(user_id=home.owner_id)
    assert client.get(f"/accounts/{home.account_id}/entries/99999/").status_code == 404
    assert client.get(f"/accounts/{home.account_id}/entries/0/").status_code == 404


def test_numbers_beyond_the_database_are_missing_pages(home, browser):
    client = browser(user_id=home.owner_id)
    assert client.get(f"/accounts/{'9' * 40}/").status_code == 404
    assert client.get(f"/accounts/{home.account_id}/entries/{'9' * 40}/").status_code == 404


def test_the_web_can_neither_post_nor_open_an_account_to_a_person(home, web_role):
    from django.db import ProgrammingError, connection

    for statement in (
        "INSERT INTO books_entry DEFAULT VALUES",
        "UPDATE books_account SET balance_minor = 1",
        "INSERT INTO identity_account_access DEFAULT VALUES",
        "SELECT wrapped_guek FROM assets_device",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement)
