"""How many statements the main pages send: one that asks twice for a thing, or once for each row, is above its number."""

PORTAL = {
    "": 13,
    "live/": 13,
    "entries/": 8,
    "entries/4/": 12,
    "pay/": 7,
    "messages/": 6,
    "statements/": 6,
    "receipts/": 7,
}
"""Pages of an account without anything special, by what follows its address."""
CONSOLE = {
    "/console/": 5,
    "/console/connections/URJ00000002/": 25,
    "/console/search/?q=house": 14,
    "/console/trees/": 10,
    "/console/payments/": 15,
    "/console/work/": 8,
    "/console/meter-jobs/": 6,
}
"""Pages of a town of three houses, for a control room."""


def sent(client, address):
    """Return the statements of a page whose process has been asked for it before."""
    from django.db import connection

    asked = []

    def note(execute, statement, *rest):
        asked.append(statement)
        return execute(statement, *rest)

    client.get(address)  # what is read once for a process is read now
    with connection.execute_wrapper(note):
        assert client.get(address).status_code == 200
    return asked


def test_pages_of_an_account_send_no_more_statements_than_they_need(home, browser):
    person = browser(user_id=home.owner_id)
    for page, most in PORTAL.items():
        asked = sent(person, f"/accounts/{home.account_id}/{page}")
        assert len(asked) <= most, (page, asked)


def test_pages_of_the_console_send_no_more_statements_than_they_need(colleague):
    person = colleague("control_room")
    for page, most in CONSOLE.items():
        asked = sent(person, page)
        assert len(asked) <= most, (page, asked)


def test_the_page_of_a_service_point_with_all_its_parts_asks_for_its_tariff_once(colleague):
    asked = sent(colleague("auditor"), "/console/connections/URJ00000002/")
    assert len(asked) <= 40, asked
    assert sum("FROM rulebook_tariff_version" in str(one) for one in asked) == 1
