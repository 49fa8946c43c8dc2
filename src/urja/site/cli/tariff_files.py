"""Files of tariff documents, as commands read them."""

from collections.abc import Sequence
from pathlib import Path

from urja.core.rating import Tariff, TariffError, parse_tariff
from urja.site.cli.options import read_document
from urja.site.command_errors import CommandError, Exit


def parse_file(path: Path, text: str) -> Tariff:
    """Return the tariff of a file's text. Raises `CommandError` with every fault."""
    try:
        return parse_tariff(text)
    except TariffError as error:
        lines = "\n  ".join(str(fault) for fault in error.faults)
        raise CommandError(Exit.USAGE, f"{path} is not a tariff:\n  {lines}") from None


def tariff_versions(files: Sequence[Path]) -> list[Tariff]:
    """Return the versions of one tariff, in the order of the files. Raises `CommandError` for other files."""
    versions = [parse_file(path, read_document(path)) for path in files]
    codes = sorted({version.code for version in versions})
    if len(codes) > 1:
        raise CommandError(Exit.USAGE, f"these are documents of different tariffs: {', '.join(codes)}")
    for version in versions[1:]:
        if why := version.conflict_with(versions[0]):
            raise CommandError(
                Exit.USAGE,
                f"version {version.version} cannot follow the earlier one: {why}; give it its own code",
            )
    return versions
