"""The demonstration's outbox, as a person reads it for a sign-in code."""

import re


def code_for(context, email: str) -> str:
    """The newest code to an address; empty where none came."""
    messages = re.findall(r"<article.*?</article>", context.request.get("/demo/outbox/").text(), re.DOTALL)
    newest = next((message for message in messages if f">{email}<" in message), "")
    found = re.search(r"\b\d{6}\b", newest)
    return found.group() if found else ""


def next_code_for(context, email: str, earlier: str) -> str:
    """The code that came after `earlier`: the pipeline mails it a moment after it was requested."""
    for _ in range(100):
        code = code_for(context, email)
        if code and code != earlier:
            return code
        context.pages[0].wait_for_timeout(100)
    raise AssertionError(f"no code came to {email}")
