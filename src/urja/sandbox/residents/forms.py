"""Forms on pages, found and filled in as a person would: only by what the page shows."""

import asyncio
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


@dataclass(slots=True)
class Form:
    """One form: its address, its method, and its fields with their values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.loads_again_s: float | None = None
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(values.get("action", ""), values.get("method", "get").lower())
            self.forms.append(self._open)
        elif tag == "meta" and values.get("http-equiv") == "refresh" and values.get("content", "").isdigit():
            self.loads_again_s = float(values["content"])
        elif tag == "input" and self._open is not None and values.get("name"):
            if values.get("type") in ("checkbox", "radio") and "checked" not in values:
                return
            self._open.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def forms_of(page: httpx.Response) -> list[Form]:
    """Return all forms of a page, in order."""
    reader = _Reader()
    reader.feed(page.text)
    return reader.forms


async def follow_refresh(client: httpx.AsyncClient, page: httpx.Response, times: int = 20) -> httpx.Response:
    """Return the page after a page that refreshes itself; the page itself where it does not."""
    for _time in range(times):
        reader = _Reader()
        reader.feed(page.text)
        if reader.loads_again_s is None:
            return page
        await asyncio.sleep(reader.loads_again_s)
        page = (await client.get(page.url)).raise_for_status()
    return page


class NoSuchFormError(LookupError):
    """The page does not have the form that a person would look for."""


def form_with(page: httpx.Response, *, name: str | None = None, action: str = "") -> Form:
    """Return the first form with the method post, a field `name`, and `action` in its address. Raises
    NoSuchFormError.
    """
    for form in forms_of(page):
        if form.method == "post" and (name is None or name in form.fields) and action in form.action:
            return form
    raise NoSuchFormError(f"{page.url} has no form with {name or 'any field'} to {action or 'anywhere'}")


async def submit(
    client: httpx.AsyncClient, page: httpx.Response, form: Form, **values: str
) -> httpx.Response:
    """Send a form with some fields filled in, and return the page that follows."""
    address = urljoin(str(page.url), form.action or str(page.url))
    content = {**form.fields, **values}
    return await client.post(address, data=content, headers={"referer": str(page.url)})
