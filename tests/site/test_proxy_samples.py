"""The samples for nginx and Caddy end TLS with a certificate of a test authority, in front of a server that echoes."""

import getpass
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from _pytest.mark import ParameterSet
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from urja.base.ports import free_port
from urja.base.settings import WebSettings
from urja.site.supervisor.request_buffer import LARGEST_BODY

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = "portal.example.org"
Sample = Callable[[Path, int, int, int], list[str]]
"""Writes a sample's configuration for a directory, its ports and the server behind it; the command that runs it."""


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        answer = json.dumps({"path": self.path, "length": len(body), "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        kind = "text/css" if self.path.startswith("/static/") else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("ETag", '"0123"')
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def _signed(name: str, key, issuer: str, issuer_key, *, authority: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=authority,
                crl_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(
        _signed("test authority", authority, "test authority", authority, authority=True).public_bytes(pem)
    )
    (tmp_path / "fullchain.pem").write_bytes(
        _signed(NAME, server, "test authority", authority, authority=False).public_bytes(pem)
    )
    (tmp_path / "key.pem").write_bytes(
        server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path


def replaced(text: str, **changes: str) -> str:
    """The sample with each place that an administrator or this test changes; each must be there."""
    for old, new in changes.values():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(here: Path, plain: int, secure: int, upstream: int) -> list[str]:
    site = replaced(
        (DEPLOY / "nginx.conf").read_text(),
        upstream=(f"127.0.0.1:{WebSettings().port}", f"127.0.0.1:{upstream}"),
        plain=("listen 80;", f"listen 127.0.0.1:{plain};"),
        plain6=("    listen [::]:80;\n", ""),
        secure=("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"),
        secure6=("    listen [::]:443 ssl;\n", ""),
        certificates=("/etc/ssl/urja/", f"{here}/"),
    )
    (here / "site.conf").write_text(site)
    paths = "".join(
        f"{kind}_temp_path {here}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (here / "main.conf").write_text(
        f"daemon off;\nuser {getpass.getuser()};\npid {here}/pid;\nerror_log {here}/error.log;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}include {here}/site.conf;\n}}\n"
    )
    return ["nginx", "-e", f"{here}/error.log", "-p", str(here), "-c", f"{here}/main.conf"]


def caddy(here: Path, plain: int, secure: int, upstream: int) -> list[str]:
    options = f"{{\nadmin off\nhttp_port {plain}\nhttps_port {secure}\nauto_https disable_redirects\n}}\n"
    site = replaced(
        (DEPLOY / "Caddyfile").read_text(),
        upstream=(f"127.0.0.1:{WebSettings().port}", f"127.0.0.1:{upstream}"),
        name=(f"{NAME} {{", f"{options}https://{NAME}:{secure} {{\ntls {here}/fullchain.pem {here}/key.pem"),
    )
    (here / "Caddyfile").write_text(site)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", f"{here}/Caddyfile"]


def sample(run: Sample) -> ParameterSet:
    missing = not shutil.which(run.__name__)
    return pytest.param(
        run, id=run.__name__, marks=pytest.mark.skipif(missing, reason=f"{run.__name__} is not installed")
    )


@pytest.fixture(params=[sample(nginx), sample(caddy)])
def proxy(request: pytest.FixtureRequest, certificates: Path, upstream: int) -> Iterator[httpx.Client]:
    plain, secure = free_port(), free_port()
    command = request.param(certificates, plain, secure, upstream)
    environment = {"HOME": str(certificates), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    with (certificates / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    trust = ssl.create_default_context(cafile=certificates / "ca.pem")
    # The name is verified while the address is the loopback's.
    transport = httpx.HTTPTransport(verify=trust, retries=8)
    try:
        with httpx.Client(
            transport=transport,
            base_url=f"https://127.0.0.1:{secure}",
            headers={"Host": f"{NAME}:{secure}"},
            timeout=20,
        ) as client:
            _until_listening(secure, process, certificates / "output")
            yield client
    finally:
        process.terminate()
        process.wait(60)


def _until_listening(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=20)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            assert process.poll() is None, output.read_text()
            assert datetime.now(UTC) < ends, output.read_text()
            threading.Event().wait(0.05)
        else:
            return


def ask(proxy: httpx.Client, method: str, path: str, **kwargs: object) -> httpx.Response:
    return proxy.request(method, path, extensions={"sni_hostname": NAME}, **kwargs)  # type: ignore[arg-type]  # httpx's own


def test_urja_learns_host_client_and_tls_and_no_header_that_a_client_wrote(proxy: httpx.Client):
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    answer = ask(proxy, "GET", "/accounts/", headers=forged).json()
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert headers["host"] == proxy.headers["Host"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"


def test_a_style_is_compressed_and_an_answer_of_the_api_keeps_its_version(proxy: httpx.Client):
    long = {"X-Long": "a" * 1000}
    style = ask(proxy, "GET", "/static/page.css", headers=long)
    assert style.headers["Content-Encoding"] == "gzip"
    answer = ask(proxy, "GET", "/api/v1/me", headers=long)
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["ETag"] == '"0123"'


def test_the_largest_import_passes(proxy: httpx.Client):
    passed = ask(proxy, "POST", "/api/v1/imports", content=bytes(LARGEST_BODY))
    assert (passed.status_code, passed.json()["length"]) == (200, LARGEST_BODY)


@pytest.mark.parametrize("proxy", [sample(nginx)], indirect=True)
def test_nginx_refuses_a_larger_request_itself(proxy: httpx.Client):
    assert ask(proxy, "POST", "/api/v1/imports", content=bytes(LARGEST_BODY + 1)).status_code == 413


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_the_machines_own_pages_do_not_pass(proxy: httpx.Client, path: str):
    assert ask(proxy, "GET", path).status_code == 404
