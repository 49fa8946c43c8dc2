"""The frame of the pages: one style sheet, nothing from other hosts, one script of one line."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

ASSET: Final = "/assets/sandbox.css"
_SCRIPT: Final = "/assets/return.js"
_RETURNS: Final = b'document.getElementById("return").requestSubmit();'
"""Submits the form by which a payer returns; without JavaScript its button does."""
LANGUAGES: Final = {"en": "English", "hi": "हिन्दी"}

_STYLE: Final = files("urja.sandbox").joinpath("assets", "sandbox.css").read_bytes()


def asset_routes() -> list[Route]:
    """Return the style sheet, the script, and an empty icon, which every browser requests."""

    async def style(_request: Request) -> Response:
        return Response(_STYLE, media_type="text/css", headers={"cache-control": "max-age=300"})

    async def script(_request: Request) -> Response:
        return Response(_RETURNS, media_type="text/javascript", headers={"cache-control": "max-age=300"})

    async def icon(_request: Request) -> Response:
        return Response(status_code=204, headers={"cache-control": "max-age=86400"})

    return [Route(ASSET, style), Route(_SCRIPT, script), Route("/favicon.ico", icon)]


def language_of(request: Request) -> str:
    """Return the language of `?lang=`, else the browser's first; English unless it is a known one."""
    wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")[:2]
    return wanted if wanted in LANGUAGES else "en"


def html_page(
    title: str,
    body: str,
    *,
    language: str,
    status: int = 200,
    refresh_s: int | None = None,
    form_origin: str | None = None,
    script: bool = False,
) -> Response:
    """Return a page. `body` is HTML; `form_origin` is a further origin that its forms may lead to. `script` submits its
    form `return` at once.

    A browser checks the whole chain of redirects of a form against `form-action`, so the origin of the callback
    address must be named.
    """
    refresh = f'<meta http-equiv="refresh" content="{refresh_s}">' if refresh_s is not None else ""
    document = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{refresh}'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{ASSET}">'
        f"{f'<script src="{_SCRIPT}" defer></script>' if script else ''}</head>"
        f"<body>{body}</body></html>"
    )
    return HTMLResponse(document, status, headers=_headers(form_origin, script=script))


def _headers(form_origin: str | None, *, script: bool) -> Mapping[str, str]:
    action = f"'self' {form_origin}" if form_origin else "'self'"
    scripts = "script-src 'self'; " if script else ""
    return {
        "content-security-policy": (
            f"default-src 'none'; {scripts}style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {action}"
        ),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


def rupees(paise: int) -> str:
    """Return an amount of paise as it is written in India: ₹1,23,456.50, without paise where they are zero."""
    whole, rest = divmod(paise, 100)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"₹{tail}" + (f".{rest:02d}" if rest else "")
