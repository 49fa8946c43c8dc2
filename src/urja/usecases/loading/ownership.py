"""What an outside system owns: its rows are known by its numbers, and nobody else changes what it says of them."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

import json
from collections.abc import Mapping, Sequence

from urja.usecases.loading.staging import Load


def check(
    load: Load, kind: str, key: str, columns: Mapping[str, str], rows: str, where: str = "true"
) -> None:
    """Faults where a file would change what another system owns. `key` names the row's object among `rows`."""
    if load.run("SELECT FROM registry_external WHERE kind = %(kind)s LIMIT 1", kind=kind) == 0:
        return
    for name, differs in load.differs(columns, "o"):
        load.fault(
            name,
            "x.system || ' owns it'",
            "change it there, or load the file as that system's (system = in the map)",
            f"{rows} JOIN registry_{kind} o ON o.id = {key} JOIN registry_external x ON x.kind = %(kind)s "
            f"AND x.object_id = o.id AND x.system <> %(system)s WHERE {where} AND x.owned ? %(column)s AND {differs}",
            kind=kind,
            column=columns[name],
        )


def link(
    load: Load,
    kind: str,
    rows: str,
    external_id: str,
    key: str,
    columns: Sequence[str],
    span: Mapping[str, int],
) -> None:
    """Remember under which number the outside system knows an object, and that it owns what the file covers."""
    load.made(
        "external",
        "INSERT INTO registry_external (id, system, kind, external_id, object_id, owned) "
        f"SELECT nextval('registry_number'), %(system)s, %(kind)s, external_id, object_id, %(owned)s::jsonb "
        f"FROM (SELECT DISTINCT ON ({key}) {external_id} AS external_id, {key} AS object_id FROM {rows}) v "
        "WHERE external_id IS NOT NULL ON CONFLICT (system, kind, object_id) DO UPDATE SET "
        "external_id = excluded.external_id, owned = (SELECT coalesce(jsonb_agg(DISTINCT one), '[]') FROM "
        "jsonb_array_elements(registry_external.owned || excluded.owned) one) "
        "WHERE registry_external.external_id <> excluded.external_id "
        "OR NOT registry_external.owned @> excluded.owned",
        kind=kind,
        owned=json.dumps(list(columns)),
        **span,
    )
