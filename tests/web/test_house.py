"""What holds on every page: language, headers, error pages, and the endpoints for operators of the process."""

import pytest
from tests.web.reading import text_of


def test_the_language_is_the_browsers_until_it_is_chosen(browser):
    client = browser(language="hi")
    assert '<html lang="hi">' in client.get("/sign-in/").content.decode()
    client.post("/language/", {"language": "en", "next": "/sign-in/"})
    assert '<html lang="en">' in client.get("/sign-in/").content.decode()
    assert client.cookies["django_language"]["max-age"] == 365 * 86_400


def test_choosing_a_language_leads_back_and_nowhere_else(browser):
    client = browser()
    back = client.post("/language/", {"language": "hi", "next": "/sign-in/"})
    assert back.headers["Location"] == "/sign-in/"
    away = client.post("/language/", {"language": "hi", "next": "https://example.org/"})
    assert away.headers["Location"] == "/"


def test_no_script_or_style_comes_from_anywhere_but_here(browser):
    response = browser().get("/sign-in/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    body = response.content.decode()
    assert "style=" not in body
    assert "<style" not in body
    assert " onclick" not in body


def test_browsers_are_told_to_be_careful(browser):
    headers = browser().get("/sign-in/").headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_cookies_are_strict_where_the_site_is_reached_by_tls(django):
    from urja.base.settings import MailSettings
    from urja.web.settings import web_settings

    by_tls = web_settings(secure=True, demo=False, mail=MailSettings())
    assert by_tls["SESSION_COOKIE_NAME"].startswith("__Host-")
    for cookie in ("SESSION", "CSRF", "LANGUAGE"):
        assert by_tls[f"{cookie}_COOKIE_SECURE"]
        assert by_tls[f"{cookie}_COOKIE_HTTPONLY"]
        assert by_tls[f"{cookie}_COOKIE_SAMESITE"] == "Lax"
    assert by_tls["SECURE_HSTS_SECONDS"]
    assert by_tls["MAILERS"]["relay"]["BACKEND"] == "urja.apps.notices.mail.RelayBackend"
    plain = web_settings(secure=False, demo=True, mail=MailSettings())
    assert not plain["SESSION_COOKIE_SECURE"]
    assert plain["MAILERS"]["relay"]["BACKEND"].endswith("OutboxBackend")


def fetched(client, address):
    """A static file, read to its end."""
    response = client.get(address)
    assert b"".join(response.streaming_content)
    response.close()
    return response


@pytest.mark.parametrize(("language", "words"), [("en", "Page not found"), ("hi", "पृष्ठ नहीं मिला")])
def test_a_missing_page_says_so(browser, language, words):
    response = browser(language=language).get("/nothing/here")
    assert response.status_code == 404
    assert words in text_of(response)


def test_an_unknown_host_gets_nothing(browser):
    assert browser().get("/sign-in/", headers={"host": "example.org"}).status_code == 400


def test_static_files_carry_a_tag_of_their_content(browser):
    client = browser()
    body = client.get("/sign-in/").content.decode()
    address = body.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    response = fetched(client, address)
    assert response.status_code == 200
    assert "max-age=2592000" in response.headers["Cache-Control"]


def test_a_phone_can_keep_the_page(browser):
    response = browser(language="hi").get("/manifest.webmanifest")
    assert response.headers["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert manifest["name"] == "ऊर्जा: मेरी आपूर्ति"
    assert fetched(browser(), manifest["icons"][0]["src"]).status_code == 200


def test_alive_and_ready(browser):
    client = browser()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.fixture
def database_away(web_role):
    """The database refuses the web's connections."""
    from django.db import connections

    connection = connections["default"]
    connection.close()
    port, connection.settings_dict["PORT"] = connection.settings_dict["PORT"], "1"
    yield
    connection.close()
    connection.settings_dict["PORT"] = port


def test_with_the_database_away_the_page_says_so_in_both_languages(browser, database_away):
    client = browser()
    client.cookies["sessionid"] = "0" * 32
    response = client.get("/")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    words = text_of(response)
    assert "Your account is not available at the moment" in words
    assert "आपका खाता अभी उपलब्ध नहीं है" in words
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_a_fault_of_ours_says_so_in_both_languages(browser, person, monkeypatch):
    from urja.web.portal import views

    def fail(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(views, "accounts_of", fail)
    response = browser(user_id=person.user_id).get("/")
    assert response.status_code == 500
    assert "Internal server error" in text_of(response)
    assert "सर्वर में त्रुटि" in text_of(response)


def test_counters_are_for_this_machine(browser):
    client = browser()
    client.get("/sign-in/")
    response = client.get("/metrics")
    assert (
        'urja_web_requests_total{status="200",view="account_request_login_code"}' in response.content.decode()
    )
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    assert client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 404


def test_only_reading_is_allowed_where_nothing_is_written(browser):
    assert browser().post("/healthz").status_code == 405
    assert browser().post("/").status_code == 405
