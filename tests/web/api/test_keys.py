"""Keys: what opens, what does not and why, and how often."""

import logging
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from tests.web.api.conftest import as_owner


def problem(answer):
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["remedy"]
    assert told["instance"].startswith("/api/v1")
    return told["type"].rpartition("#")[2], told["detail"]


def test_without_a_key_nothing_opens(api):
    program = api("clerk")
    for header in ("", "Basic abc"):
        answer = program.get("/service-points", authorization=header)
        kind, detail = problem(answer)
        assert (answer.status_code, kind) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="urja"'
    assert detail == "send the token as Authorization: Bearer, not Basic"


def test_a_wrong_host_is_a_problem_here_and_a_page_elsewhere(api):
    program = api("clerk")
    answer = program.get("/service-points", host="another.example")
    assert (answer.status_code, problem(answer)) == (
        400,
        ("bad-request", "the header Host names a site that is not this one"),
    )
    page = program.client.get("/", headers={"host": "another.example"})
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.parametrize("key", ["", "urja_", "x" * 500, "urja_aaaaaaaa_" + "A" * 43])
def test_what_is_no_key(api, key):
    answer = api("clerk").get("/service-points", authorization=f"Bearer {key}")
    assert (answer.status_code, problem(answer)[1]) == (401, "the token is not known")


def test_a_key_that_has_expired(api):
    expired = api("clerk", expires_at=datetime.now(UTC) - timedelta(days=1))
    answer = expired.get("/me")
    assert answer.status_code == 401
    assert "expired on" in problem(answer)[1]


def test_a_key_that_was_revoked(api):
    from urja.usecases.operations import RevokeToken, perform

    program = api("clerk")
    prefix = program.get("/me").json()["token"]
    now = datetime(2026, 3, 20, tzinfo=UTC)
    as_owner(lambda: perform(RevokeToken(prefix=prefix), recorded_at=now, actor="test").id)
    answer = program.get("/me")
    assert (answer.status_code, problem(answer)[1]) == (
        401, f"token {prefix} was revoked on 2026-03-20: use another token",
    )  # fmt: skip


def test_the_token_of_a_person_who_may_not_sign_in(api):
    from django.contrib.auth import get_user_model

    program = api("clerk")
    as_owner(lambda: get_user_model().objects.filter(email="clerk@utility.example").update(is_active=False))
    answer = program.get("/me")
    assert answer.status_code == 401
    assert "may no longer sign in" in problem(answer)[1]


def test_who_leaves_keeps_a_key_that_opens_nothing(api):
    from urja.usecases.operations import dismiss

    program = api("clerk")
    assert program.get("/service-points").status_code == 200
    now = datetime(2026, 3, 20, tzinfo=UTC)
    as_owner(lambda: dismiss("clerk@utility.example", "clerk", recorded_at=now, actor="test"))
    answer = program.get("/service-points")
    assert answer.status_code == 403
    assert problem(answer)[1].endswith("; you have no role")


NOT_SO_FAR = (
    "the scopes of this token are not sufficient: it has read:service_point, write:install_meter, and this needs "
    "read:device; request another token"
)


def test_scopes_narrow_what_roles_allow(api, society):
    program = api("clerk", scopes=["read:service_point", "write:install_meter"])
    assert program.get("/service-points").status_code == 200
    answer = program.get("/devices")
    assert (answer.status_code, problem(answer)) == (403, ("forbidden", NOT_SO_FAR))
    assert program.post("remove_meter", {}).status_code == 403
    assert program.post("install_meter", {}).status_code == 422
    assert program.get("/me").json()["permissions"] == ["read:service_point", "write:install_meter"]


def test_scopes_do_not_widen(api):
    assert api("secretary", scopes=["read:*"]).get("/consumers").status_code == 403


def test_a_programs_key_has_a_role_in_an_area(api, society):
    program = api("billing", role="clerk", area="section N1")
    me = program.get("/me").json()
    assert (me["user_id"], [one["role"] for one in me["roles"]]) == (None, ["clerk"])
    assert program.get(f"/service-points/{society.elsewhere.service_point_id}").status_code == 404
    assert program.get(f"/service-points/{society.flats[0].service_point_id}").status_code == 200


def test_when_it_was_used_last_is_kept(api):
    from urja.apps.identity.models import Token

    program = api("clerk", own=True)
    program.get("/me")
    used = as_owner(lambda: Token.objects.latest("id").last_used_at)
    assert datetime.now(UTC) - used < timedelta(minutes=5)
    assert (used.second, used.microsecond) == (0, 0)


def test_a_key_has_so_many_requests_a_minute(api):
    program, other = api("clerk", per_minute=60), api("auditor", per_minute=60)
    told = [program.get("/me").status_code for _ in range(6)]
    assert told == [200] * 6
    for _ in range(20):
        refused = program.get("/me")
        if refused.status_code != 200:
            break
    assert (refused.status_code, problem(refused)[0]) == (429, "too-many-requests")
    assert refused.headers["Retry-After"] == "1"
    assert other.get("/me").status_code == 200


def test_the_bucket_fills_at_its_rate(django):
    from urja.web.api.limits import Limits

    limits = Limits()
    assert [limits.take(1, 30, 0.0) for _ in range(4)] == [0, 0, 0, 2]
    assert [limits.take(1, 30, 1.0), limits.take(1, 30, 2.0)] == [1, 0]
    assert [limits.take(2, 1, 0.0), limits.take(2, 1, 30.0), limits.take(2, 1, 60.0)] == [0, 30, 0]
    assert limits.take(1, 30, 1000.0) == 0


def test_buckets_are_bounded(django):
    from urja.web.api.limits import Limits

    limits = Limits(sets=1, ways=2)
    asked = [(1, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (2, 0.4), (1, 0.5), (3, 0.6)]
    assert [limits.take(key, 10, at) for key, at in asked] == [0, 6, 0, 0, 6, 0, 0]


FORKS = """
import os
from urja.web.api.limits import Limits

limits, workers = Limits(), []
for _ in range(4):
    reads, writes = os.pipe()
    worker = os.fork()
    if not worker:
        granted = sum(limits.take(7, 1000, 5.0) == 0 for _ in range(200))
        os.write(writes, str(granted).encode())
        os._exit(0)
    workers.append((worker, reads))
print(sum(int(os.read(reads, 9)) for worker, reads in workers if os.waitpid(worker, 0)))
"""
KILLED = """
import os, signal
from urja.web.api.limits import Limits

limits = Limits()
worker = os.fork()
if not worker:
    with limits._alone():
        os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(worker, 0)
print(limits.take(7, 10, 5.0))
"""


LOADED = """
import sys
from urja.site.django import options as django_options

django_options.setup(django_options.DjangoOptions(conninfo="", timezone="Asia/Kolkata", secret_key="x" * 50))
from urja.site.django import wsgi

print("urja.web.api.views" in sys.modules)
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [
        pytest.param(FORKS, "100", id="four that ask two hundred times each are granted what one would be"),
        pytest.param(KILLED, "0", id="one that is killed with the lock in its hands holds up no other"),
        pytest.param(
            LOADED, "True", id="the master has them before it forks, not each since its first request"
        ),
    ],
)
def test_all_workers_of_a_server_share_the_buckets(program, says):
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.stdout.strip(), found.returncode) == (says, 0), found.stderr


def test_there_are_no_cookies(api, society, browser):
    answer = api("clerk").get("/service-points")
    assert not answer.cookies
    # A session may read what its person may see: one browser's answer is not kept for the next.
    assert answer.headers["Vary"].startswith("Authorization, Cookie")
    signed_in = browser(user_id=society.flats[0].user_id)
    assert signed_in.get("/api/v1/service-points").status_code == 401
    own = signed_in.get(f"/api/v1/accounts/{society.flats[0].account_id}/balance")
    assert (own.status_code, own.json()["currency"]) == (200, "INR")
    other = signed_in.get(f"/api/v1/accounts/{society.flats[1].account_id}/balance")
    assert other.status_code == 404


def test_a_session_writes_nothing(api, society, browser):
    operator = browser(user_id=society.flats[0].user_id, checks=True)
    answer = operator.post("/api/v1/operations/undo", "{}", content_type="application/json")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path", ["/nothing", "/service-points/abc", "/service-points/" + "9" * 30, "/operations/x/y"]
)
def test_what_is_no_address(api, path):
    answer = api("clerk").get(path)
    assert (answer.status_code, problem(answer)[0]) == (404, "not-found")


def test_what_is_no_api(api):
    client = api("clerk").client
    for path in ("/api/", "/api/v2/me"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["instance"] == path
    assert client.get("/apiary").headers["Content-Type"] == "text/html; charset=utf-8"


def test_what_is_not_done_there(api):
    answer = api("clerk")("DELETE", "/service-points")
    assert (answer.status_code, problem(answer)[0]) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_what_is_not_done_with_the_description(api):
    client = api("clerk").client
    for path in ("/api/v1/", "/api/v1/openapi.json"):
        answer = client.post(path, "{}", content_type="application/json")
        assert (answer.status_code, problem(answer)[0]) == (405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, HEAD"
        assert client.head(path).status_code == 200


def test_an_unexpected_error_is_a_problem_under_the_correlation_of_the_log(api, owner_of):
    """A right of the web is missing in its database, which no part of it expects."""
    logged = []

    class Kept(logging.Handler):
        def emit(self, record):
            logged.append((record.getMessage(), structlog.contextvars.get_contextvars()["correlation"]))

    owner_of.execute("REVOKE ALL ON work_order FROM urja_web")
    program, kept = api("clerk"), Kept()
    logging.getLogger("django.request").addHandler(kept)
    try:
        answers = [program.get("/work-orders") for _ in range(2)]
    finally:
        logging.getLogger("django.request").removeHandler(kept)
    first, second = (answer.json()["correlation"] for answer in answers)
    for answer in answers:
        assert (answer.status_code, problem(answer)[0]) == (500, "internal-error")
    assert logged == [("Internal Server Error: /api/v1/work-orders", one) for one in (first, second)]
    assert first != second
    assert re.fullmatch("[0-9a-hjkmnp-tv-z]{13}", first)
    assert "correlation" not in program.get("/nothing").json()


def test_when_the_database_is_away(api, monkeypatch):
    from django.db import OperationalError

    from urja.web.api import views

    program = api("clerk")

    def away(_text):
        raise OperationalError("gone")

    monkeypatch.setattr(views.tokens, "token_of", away)
    answer = program.get("/me")
    assert (answer.status_code, problem(answer)[0]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "15"


def test_the_web_can_make_no_key(api):
    from django.db import ProgrammingError, connection

    for statement in ("INSERT INTO identity_token DEFAULT VALUES", "UPDATE identity_token SET scopes = '[]'"):
        with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement)
