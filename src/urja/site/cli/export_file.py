"""`urja export`: write the registry to files that `urja import` reads."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.site.cli.import_file import KIND_NAMES, map_of
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit, refusal_for

if TYPE_CHECKING:
    from urja.usecases.loading import Map


@click.command()
@click.argument("kind", type=click.Choice(KIND_NAMES))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--map",
    "map_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="MAP.toml with the columns of the file. Without it all fields are written, with a map beside the file.",
)
@click.option(
    "--format", "form", type=click.Choice(["csv", "xlsx"]), help="Format of OUT. [default: by its file name]"
)
@click.option(
    "--with-keys",
    is_flag=True,
    help="Also write the meters' keys, in plain text, to a file that only you can read.",
)
@data_option
def export(
    kind: str, out: Path, map_file: Path | None, form: str | None, with_keys: bool, data: Path
) -> None:
    """Write consumers, premises, networks, placements, devices or balances to the file OUT."""
    if out.suffix.lower() not in {".csv", ".xlsx"} and form is None:
        raise CommandError(Exit.USAGE, f"{out} ends in neither .csv nor .xlsx: give --format")
    if form is not None and out.suffix.lower() != f".{form}":
        out = out.with_name(f"{out.name}.{form}")
    from urja.site.admin import Administration

    administration = Administration.of(data)
    administration.setup_django()
    from urja.usecases.loading import KINDS, MappingFileError, as_toml, canonical
    from urja.usecases.loading.exporting import export as write
    from urja.usecases.loading.key_formats import Key

    keys = {one.name for one in KINDS[kind].fields if isinstance(one.form, Key)}
    outside = {one.name for one in KINDS[kind].fields if one.outside}
    if map_file is not None:
        the_map = _given(map_file, kind, None if with_keys else keys)
    else:
        the_map = canonical(KINDS[kind], without=frozenset(outside if with_keys else outside | keys))
    try:
        rows = write(the_map, out, at=administration.clock.now(), keys=administration.keys)
        if map_file is None:
            beside = out.with_suffix(".toml")
            beside.write_text(as_toml(the_map), "utf-8")
            click.echo(f"wrote {beside}")
    except OSError as error:
        raise refusal_for(error, out) from error
    except MappingFileError as bad:
        raise CommandError(Exit.USAGE, f"{map_file}: {bad}") from None
    click.echo(f"wrote {rows} rows to {out}")


def _given(path: Path, kind: str, keys: set[str] | None) -> "Map":
    the_map = map_of(path)
    if the_map.kind.name != kind:
        raise CommandError(Exit.USAGE, f"{path} is a map of {the_map.kind.name}, not of {kind}")
    named = sorted((keys or set()) & the_map.covered)
    if named:
        raise CommandError(
            Exit.USAGE, f"{path} names {' and '.join(named)}: keys are written only with --with-keys"
        )
    return the_map
