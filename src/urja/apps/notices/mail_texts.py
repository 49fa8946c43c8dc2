"""Texts of e-mails by language, from `mails/*.toml`."""

from functools import cache
from pathlib import Path

from urja.base import toml
from urja.base.untyped_values import JsonObject
from urja.core.policy.wording import DEFAULT_LANGUAGE

_MAILS = Path(__file__).with_name("mails")


@cache
def _of(language: str) -> JsonObject:
    return toml.loads((_MAILS / f"{language}.toml").read_text("utf-8"))


def mail_text(kind: str, language: str, values: dict[str, str]) -> tuple[str, str]:
    """Return subject and body of an e-mail with `values` filled in; in English where the language has no texts."""
    known = (_MAILS / f"{language}.toml").is_file()
    words = _of(language if known else DEFAULT_LANGUAGE)[kind]
    return words["subject"].format_map(values), words["body"].strip().format_map(values) + "\n"
