"""What the commands of documents share: `check` with every fault and its place, `template` with one to begin with, and
`load` of several, all or none.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from urja.core.table_reader import DocumentError
from urja.site.cli.options import read_document
from urja.site.command_errors import CommandError, Exit, database_refusal

documents_argument: Final = click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)

template_argument: Final = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


def write_template(file: Path, text: str) -> None:
    """Write a document to a new file. Raises CommandError for one that exists or cannot be written."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise CommandError(Exit.USAGE, f"{file} already exists: give another name") from None
    except OSError as error:
        raise CommandError(Exit.USAGE, f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {file}")


def load_all(
    texts: Mapping[Path, str], store: Callable[[str], str], refused: tuple[type[Exception], ...]
) -> None:
    """Store the texts of files in one transaction, and print what `store` says of each. Django is set up.

    Raises CommandError with the file where `store` raises one of `refused`, and where the database refuses.
    """
    from django.db import DatabaseError, transaction

    try:
        with transaction.atomic():
            for path, text in texts.items():
                try:
                    click.echo(store(text))
                except refused as error:
                    raise CommandError(Exit.USAGE, f"{path}: {error}; nothing was loaded") from None
    except DatabaseError as error:
        raise database_refusal(error) from error


@dataclass(frozen=True, slots=True)
class Checked[Document]:
    """A file with what is wrong with it."""

    document: Document | None
    """None where there is a fault."""
    faults: list[dict[str, str]]
    """Each with its place (`where`) and a sentence."""


def check_file[Document](
    path: Path, parse: Callable[[str], Document], about: Callable[[Document], str], *, as_json: bool
) -> Checked[Document]:
    """Check a file and return what was found; print it, or what the document is, unless all is printed as JSON.

    `parse` raises DocumentError for a document with faults.
    """
    try:
        checked = Checked(parse(read_document(path)), [])
    except DocumentError as error:
        checked = Checked(None, [{"where": one.where, "sentence": one.sentence} for one in error.faults])
    except CommandError as unread:
        checked = Checked(None, [{"where": "document", "sentence": str(unread).removeprefix(f"{path} ")}])
    if not as_json:
        for fault in checked.faults:
            click.echo(f"{path}: {fault['where']}: {fault['sentence']}")
        if checked.document is not None:
            click.echo(f"{path}: valid: {about(checked.document)}")
    return checked


def end_check[Document](checked: Mapping[Path, Checked[Document]], *, as_json: bool, **more: object) -> None:
    """Print what was found as JSON, with `more` of it, if that is wanted; exit 2 if there is a fault."""
    if as_json:
        faults = {str(path): one.faults for path, one in checked.items()}
        click.echo(json.dumps({"faults": faults, **more}, ensure_ascii=False))
    if any(one.faults for one in checked.values()):
        raise SystemExit(Exit.USAGE)
