"""The portal's public address, as another machine reaches it: name, connection, certificate and page."""

import asyncio
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import httpx

from urja.site.tls_certificate import Certificate, read_certificate

TIMEOUT_S: Final = 10.0
"""An administrator waits for the answer."""
PAGE: Final = "/manifest.webmanifest"
"""A small page that needs no sign-in and no database, and names Urja."""
_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_EXPIRED: Final = (9, 10)
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


class AddressError(Exception):
    """The portal is not reached at its address; the message says why."""

    def __init__(self, sentence: str, advice: str, pending_with: str = "") -> None:
        super().__init__(sentence)
        self.advice = advice
        """What to do."""
        self.pending_with = pending_with
        """Who outside must act."""


def ask(url: str) -> Certificate:
    """Return the certificate that is served at an `https://` address, after Urja answered there.

    Ends within ten seconds. Raises AddressError.
    """
    try:
        return asyncio.run(_ask(url))
    except (OSError, httpx.HTTPError) as error:
        raise _explained(error) from error


async def _ask(url: str) -> Certificate:
    parts = urlsplit(url)
    host = parts.hostname or ""
    context = ssl.create_default_context()
    async with asyncio.timeout(TIMEOUT_S):
        # By hand first: a client library hides which certificate it saw, and why a connection failed.
        _, writer = await asyncio.open_connection(host, parts.port or 443, ssl=context)
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        async with httpx.AsyncClient(verify=context, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = await client.get(url.rstrip("/") + PAGE)
    _check_answer(answer)
    return read_certificate(certificate)


def _check_answer(answer: httpx.Response) -> None:
    if answer.is_redirect:
        raise AddressError(
            f"it redirects to {answer.headers.get('Location', '')[:100]}",
            "the proxy must set X-Forwarded-Proto, and [web] trusted_proxies must name it (docs/running.md)",
        )
    if answer.status_code in (502, 503, 504):
        raise AddressError(
            f"the proxy answers {answer.status_code}: it does not reach Urja",
            "start Urja (urja up), and compare the proxy's target with [web] host and port",
        )
    if answer.status_code == 400:
        raise AddressError(
            "it answers 400: the name of the host is not accepted",
            "the proxy must keep Host, and [web] hosts must name it (docs/running.md)",
        )
    if answer.status_code != 200 or b'"Urja"' not in answer.content[:10_000]:
        raise AddressError(
            f"another server answers there ({answer.status_code} at {PAGE})",
            "compare the DNS entry with this machine's address, and the proxy's configuration with deploy/",
            "the administrator of your domain",
        )


def _explained(error: Exception) -> AddressError:
    """Return what an error of the connection means and what to do."""
    renew = "renew the certificate (certbot renew, or see the log of Caddy)"
    match error:
        case ssl.SSLCertVerificationError() if error.verify_code in _OTHER_NAME:
            return AddressError(
                f"its certificate is of another name ({error.verify_message})",
                "obtain a certificate for the host name in [web] public_url",
            )
        case ssl.SSLCertVerificationError() if error.verify_code in _EXPIRED:
            return AddressError(f"its certificate is not valid now ({error.verify_message})", renew)
        case ssl.SSLCertVerificationError():
            return AddressError(
                f"its certificate is not trusted ({error.verify_message})",
                "serve the certificate with its chain (fullchain.pem), issued by a public authority",
            )
        case ssl.SSLError():
            return AddressError(
                f"no TLS answers there ({error.reason or error})",
                "end TLS by a proxy (deploy/Caddyfile, deploy/nginx.conf) or by [web] tls_certificate and tls_key",
            )
        case socket.gaierror():
            return AddressError(
                f"the host name is unknown ({error.strerror})",
                "add a DNS entry (A, AAAA) that leads to this machine",
                "the administrator of your domain (a DNS entry)",
            )
        case TimeoutError():
            return AddressError(
                f"no answer within {TIMEOUT_S:.0f} s, asked from this machine",
                "open the port in firewall and router. Some routers refuse only their own network: try from a telephone",
                "the administrator of your network",
            )
        case ConnectionRefusedError():
            return AddressError(
                "the connection is refused: no server listens there",
                "start the proxy, or set [web] tls_certificate and tls_key and start Urja",
            )
        case _:
            return AddressError(
                f"it cannot be reached ({error})", "check this machine's network, then the DNS entry"
            )
