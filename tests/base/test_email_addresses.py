"""Addresses that are refused on entry are those for which the mailer would raise an error."""

import pytest

from urja.base.email_addresses import can_be_mailed

GOOD = (
    "meera@example.org", "A.B+c@X.IN", "o'neil@x.in", "a_b-c@x-y.co.in", "a@उदाहरण.भारत", "a@[192.0.2.1]",
    "a@xn--p1b6ci4b4b3a.xn--h2brj9c", "1@2.in",
)  # fmt: skip
NO_MAIL = (
    "ravi..k@gmail.com", "ravi.@x.in", ".ravi@x.in", "रवि@x.org", "a@x..in", "a@.x.in", "a@x.in.", "a@b@c.in",
    "a@x.in\n", "a\x00@x.in", "a:b@x.in", "a\\b@x.in", "a@x.in,b@x.in", "a@x(.in", '"a@x.in', "a[@x.in", "a@x.i]n",
    "a@" + "भ" * 64 + ".in", "a@\u200d.in", "=?utf-8?q?a?=@x.in", "", "@", "a@", "@x.in",
)  # fmt: skip
NO_PLAIN_ADDRESS = ("<a@x.in>", "Asha <a@x.in>", '"a b"@x.in', "a(b)@x.in", "webmaster", "a@localhost")
"""The mailer takes them; they are not what a person writes as an address."""


def mailer_takes(address: str) -> bool:
    from django.core.mail.backends.smtp import EmailBackend

    try:
        return bool(EmailBackend.prep_address(object.__new__(EmailBackend), address))
    except (ValueError, IndexError):
        return False


@pytest.mark.parametrize("address", GOOD)
def test_what_the_mailer_takes_is_accepted(address):
    assert (can_be_mailed(address), mailer_takes(address)) == (True, True)


@pytest.mark.parametrize("address", NO_MAIL)
def test_what_the_mailer_does_not_take_is_refused(address):
    assert (can_be_mailed(address), mailer_takes(address)) == (False, False)


@pytest.mark.parametrize("address", NO_PLAIN_ADDRESS)
def test_only_a_plain_address_is_accepted(address):
    assert (can_be_mailed(address), mailer_takes(address)) == (False, True)


@pytest.mark.parametrize("address", ["ravi..k@gmail.com", "रवि@x.org", "a@x..in"])
def test_sheets_and_loading_refuse_it_with_a_sentence(address):
    from zoneinfo import ZoneInfo

    from urja.core.sheets.cells import CellError, read_email
    from urja.usecases.loading.cell_formats import ColumnFormat, FieldValueError, email

    with pytest.raises(CellError, match="it is not an e-mail address") as refused:
        read_email(address)
    assert "meera@example.org" in refused.value.remedy
    with pytest.raises(FieldValueError, match="it is not an e-mail address"):
        email().reader(ColumnFormat(ZoneInfo("Asia/Kolkata")))(address)
    assert email().reader(ColumnFormat(ZoneInfo("Asia/Kolkata")))("meera@example.org") == "meera@example.org"
