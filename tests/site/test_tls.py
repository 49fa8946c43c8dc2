"""TLS by `urja up` itself: a test authority's certificate on real sockets, renewed while it is served; the redirect."""

import asyncio
import re
import shutil
import ssl

import httpx
import pytest
from tests.providers.relay import issued_in
from tests.site import conftest
from tests.site.test_installation import settings

from urja.base.ports import free_port
from urja.site.command_errors import CommandError, Exit
from urja.site.supervisor.installation import WEB, Installation
from urja.site.supervisor.redirect_process import redirects
from urja.site.tls_certificate import CertificateError, CertificateFiles, read_certificate

installation_dir = conftest.installation_dir
PAGES = 30


def trusting(authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


@pytest.fixture
def issued(tmp_path):
    """Issues another certificate of `localhost` at each call: the file, and its authority's."""
    made = []

    def issue(host="localhost", **more):
        directory = tmp_path / f"issued{len(made)}"
        directory.mkdir()
        made.append(directory)
        return issued_in(directory, host, **more)

    return issue


async def served_by(files: CertificateFiles, authority) -> bool:
    """Whether a connection that trusts an authority is accepted, over a server with these files."""
    server = await asyncio.start_server(
        lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=files.context
    )
    async with server:
        try:
            _, writer = await asyncio.open_connection(
                *server.sockets[0].getsockname()[:2], ssl=trusting(authority), server_hostname="localhost"
            )
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return True


async def test_a_renewed_certificate_is_served_and_an_unusable_one_is_not(issued, tmp_path):
    (first, old), (second, new) = issued(), issued()
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "key.pem"
    for path in (certificate, key):
        shutil.copy(first, path)
    files = CertificateFiles(certificate, key)
    assert (await served_by(files, old), await served_by(files, new)) == (True, False)
    # As a renewal writes them: for a moment certificate and key do not fit.
    shutil.copy(second, certificate)
    assert (await served_by(files, old), await served_by(files, new)) == (True, False)
    shutil.copy(second, key)
    assert (await served_by(files, old), await served_by(files, new)) == (False, True)
    certificate.unlink()
    assert await served_by(files, new)
    assert files.context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [None, b"", b"nothing of the kind"])
def test_files_that_cannot_be_used(tmp_path, content):
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        CertificateError, match="cannot be read" if content is None else "no certificate with its key"
    ):
        CertificateFiles(path, path)


def test_what_a_certificate_says(issued):
    certificate, _ = issued("portal.example.org", days=30)
    pem = certificate.read_bytes()
    found = read_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    assert found.days_left() == 29
    assert found.covers("Portal.example.org")
    assert not found.covers("example.org")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/accounts/7/?a=b&c=%2F", "https://neem.example/accounts/7/?a=b&c=%2F"),
        ("http://evil.example//evil.example/", "https://neem.example//evil.example/"),
        ("/a%20b", "https://neem.example/a%20b"),
    ],
)
async def test_plain_requests_are_sent_to_the_portal_alone(path, location):
    transport = httpx.ASGITransport(redirects("https://neem.example"))
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["Location"]) == (308, location)


@pytest.fixture
async def portal(installation_dir, prepared, tmp_path, issued):
    """The web server alone, with TLS and two workers; its settings, authority and certificate file."""
    source, authority = issued()
    certificate = tmp_path / "portal.pem"
    shutil.copy(source, certificate)
    port = free_port()
    given = settings(
        URJA_WEB_TLS_CERTIFICATE=str(certificate), URJA_WEB_TLS_KEY=str(certificate), URJA_WEB_SECURE="true",
        URJA_WEB_WORKERS="2", URJA_WEB_PORT=str(port), URJA_WEB_PUBLIC_URL=f"https://localhost:{port}",
        URJA_WEB_REDIRECT_PORT="0",
    )  # fmt: skip
    async with Installation(prepared(installation_dir / "tls"), given, processes=[WEB]) as installation:
        yield installation.settings.web, authority, certificate


def sign_in_pages(metrics: str) -> float:
    found = re.findall(r'urja_web_requests_total\{status="200",view="account_\w+"\} (\S+)', metrics)
    return sum(map(float, found))


async def test_the_web_server_ends_tls_and_any_worker_answers_for_all(portal, issued):
    web, authority, certificate = portal
    base = f"https://localhost:{web.port}"
    fresh = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=base, verify=trusting(authority), limits=fresh, timeout=20
    ) as client:
        page = await client.get("/sign-in/")
        assert page.status_code == 200
        assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
        assert "__Host-csrf" in page.cookies
        plain = await client.get(f"http://localhost:{web.redirect_port}/sign-in/?next=/")
        assert (plain.status_code, plain.headers["Location"]) == (308, f"{base}/sign-in/?next=/")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://localhost:{web.port}/sign-in/")
        await asyncio.gather(*(client.get("/sign-in/") for _ in range(PAGES - 1)))
        answers = [(await client.get("/metrics")).text for _ in range(8)]
        assert [sign_in_pages(text) for text in answers] == [PAGES] * 8
    renewed, new_authority = issued()
    shutil.copy(renewed, certificate)
    async with httpx.AsyncClient(base_url=base, verify=trusting(new_authority), timeout=60) as client:
        for _ in range(4):
            assert (await client.get("/sign-in/", headers={"Connection": "close"})).status_code == 200


async def test_an_unusable_certificate_ends_the_start(installation_dir, tmp_path):
    given = settings(
        URJA_WEB_TLS_CERTIFICATE=str(tmp_path / "none.pem"), URJA_WEB_TLS_KEY=str(tmp_path / "none.pem"),
        URJA_WEB_SECURE="true", URJA_WEB_PUBLIC_URL="https://localhost",
    )  # fmt: skip
    with pytest.raises(CommandError, match=r"none.pem cannot be read .*\[web\] tls_certificate") as failed:
        async with Installation(installation_dir / "none", given, processes=[WEB]):
            pass
    assert failed.value.code == Exit.USAGE
