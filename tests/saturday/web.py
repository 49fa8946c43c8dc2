"""The pages and the API of an installation, as its people and a program use them."""

import base64
import html
import json
import re
import time
from datetime import datetime

import httpx
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from fido2.utils import websafe_decode
from tests.authenticator import Authenticator
from tests.providers.relay import Relay
from tests.saturday.society import Society, until

CODE_ASKED = 'autocomplete="one-time-code"'
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """A person's browser: follows redirects and sends forms with their token."""

    def __init__(self, url: str, relay: Relay) -> None:
        self.url, self.relay = url, relay
        self.client = httpx.Client(base_url=url, follow_redirects=True, timeout=60)

    def close(self) -> None:
        self.client.close()

    def get(self, path: str) -> str:
        page = self.client.get(path)
        assert page.status_code == 200, f"{path}: {page.status_code}\n{page.text}"
        return page.text

    def post(self, path: str, *, page: str | None = None, to: str = "", **fields: str) -> str:
        """Send the form of a page; `page` is its text where it is open already, `to` where the form goes elsewhere."""
        found = TOKEN.search(self.get(path) if page is None else page)
        assert found is not None, f"{path} has no form"
        answer = self.client.post(to or path, data={"csrfmiddlewaretoken": found[1], **fields})
        assert answer.status_code == 200, f"{path}: {answer.status_code}\n{answer.text}"
        return answer.text

    def sign_in(self, address: str) -> None:
        """Sign in by the code that the pipeline mails."""
        before = len(self.relay.arrived)
        self.post("/sign-in/", email=address)

        def code() -> str | None:
            subjects = (str(mail["subject"]) for mail in self.relay.arrived[before:] if mail["to"] == address)
            found = (re.search(r"\b\d{6}\b", subject) for subject in subjects)
            return next((match[0] for match in found if match), None)

        self.post("/sign-in/code/", code=until(code))

    def set_up_second_factor(self) -> None:
        """Set up an authenticator app, and give its code."""
        app = until(self._app_that_was_set_up)
        assert app is not None
        # The console asks for the factor once more, for this session.
        asked = str(self.client.get("/console/search/").url)
        until(lambda: CODE_ASKED not in self.post(asked, code=code_of(app)))

    def _app_that_was_set_up(self) -> TOTP | None:
        """Return None where the code's half minute ended before the server read it: a person gives the next one."""
        page = self.get("/sign-in/second/app/")
        secret = re.search(r"\b[A-Z2-7]{32}\b", page)
        assert secret is not None, "no secret on the page"
        app = TOTP(base64.b32decode(secret[0]), 6, SHA1(), 30)
        # Each visit of the page makes another secret.
        answer = self.post("/sign-in/second/app/", page=page, code=code_of(app))
        return None if secret[0] in answer else app

    def enrol(self, code: str) -> Authenticator:
        """Enrol a passkey by an invitation's code."""
        phone = Authenticator(rp_id="localhost", origin=self.url)
        page = self.post("/console/passkeys/", code=code, name="Telephone")
        made = phone.register(challenge_of(page))
        self.post(
            "/console/passkeys/",
            page=page,
            name="Telephone",
            client_data=text_of(made.client_data),
            attestation=text_of(made.attestation),
        )
        until(lambda: "Your passkey is being verified." not in self.get("/console/passkeys/"))
        return phone

    def approve(self, request: int, phone: Authenticator) -> None:
        """Answer the approval of a request with a passkey."""
        path = f"/console/approvals/{request}/"
        page = self.get(path)
        answer = phone.approve(challenge_of(page))
        names = ("credential_id", "client_data", "authenticator_data", "signature")
        self.post(
            path, page=page, to=f"{path}answer/", **{name: text_of(getattr(answer, name)) for name in names}
        )

    def load_statement(self, name: str, content: bytes, phone: Authenticator) -> None:
        """Upload a bank's statement for the first account, and approve it with a passkey."""
        page = self.get("/console/bank/")
        token, account = TOKEN.search(page), re.search(r'<option value="(\d+)"', page)
        assert token is not None, "the page of statements has no form"
        assert account is not None, words_of(page)
        uploaded = self.client.post(
            "/console/bank/",
            data={"csrfmiddlewaretoken": token[1], "account": account[1]},
            files={"file": (name, content)},
        )
        path = uploaded.url.raw_path.decode()
        request = re.search(r"\d+", path)
        assert request is not None, words_of(uploaded.text)
        until(lambda: "/console/approvals/" in self.client.get(path).url.path)
        self.approve(int(request[0]), phone)


def code_of(app: TOTP) -> str:
    """The code that an authenticator app shows now."""
    return app.generate(int(time.time())).decode()


def challenge_of(page: str) -> bytes:
    found = re.search(r'data-challenge="([^"]+)"', page)
    assert found is not None, page
    return websafe_decode(found[1])


def text_of(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def words_of(page: str) -> str:
    """Return the text of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page)))


class Program:
    """A program with a token of the API."""

    def __init__(self, society: Society, email: str) -> None:
        self.url = society.web_url
        told = society.urja(
            "token",
            "new",
            "--name",
            "setup",
            "--user",
            email,
            "--scopes",
            "read:*,write:*",
            "--per-minute",
            6000,
        )
        key = next(word for word in told.split() if word.startswith("urja_"))
        self.client = httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
        )

    def close(self) -> None:
        self.client.close()

    def get(self, path: str, **query: str | int) -> dict:
        found = self.client.get(path, params=query)
        assert found.status_code == 200, found.text
        return found.json()

    def operate(self, kind: str, key: str, **fields: object) -> dict:
        """Request an operation, and wait until it is done or waits for its approval."""
        done = self.client.post(f"/operations/{kind}", json=fields, headers={"Idempotency-Key": key})
        assert done.status_code in {200, 202}, done.text
        return done.json() if done.json()["state"] == "approval" else self.done(done.json()["id"])

    def done(self, request: int) -> dict:
        """Wait for the outcome of a request, which is not refused."""
        answer = until(lambda: found if (found := self.get(f"/requests/{request}"))["answered_at"] else None)
        assert answer["state"] == "done", json.dumps(answer)
        return answer

    def device(self, serial: str) -> dict:
        return self.get("/devices", serial=serial)["items"][0]

    def agreement(self, number: str) -> dict:
        """Return the agreement in force at a service point, by its consumer number."""
        [service_point] = self.get("/service-points", consumer_number=number)["items"]
        [agreement] = self.get("/agreements", service_point=service_point["id"])["items"]
        return agreement

    def account(self, number: str) -> int:
        return self.agreement(number)["account_id"]

    def readings(self, agreement: int, begins_at: datetime, ends_at: datetime) -> list[dict]:
        days = {"begins_at": begins_at.isoformat(), "ends_at": ends_at.isoformat()}
        return self.get(f"/agreements/{agreement}/readings", **days)["items"]

    def entries(self, account: int) -> list[dict]:
        return self.get(f"/accounts/{account}/entries")["items"]

    def amounts(self, account: int) -> list[int]:
        return [entry["amount_minor"] for entry in self.entries(account)]

    def balance(self, account: int) -> dict:
        return self.get(f"/accounts/{account}/balance")
