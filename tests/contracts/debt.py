"""Writes the listed debt again, sorted: the crossings in SQL, in the source and as they were executed.

For after a crossing was removed, or a module that crosses was moved: read the difference before you commit it. A
list may change names; it must not grow. Imports have no list.
"""

from tests.contracts import executed, sql
from tests.contracts.tables import set_up_django


def main() -> None:
    set_up_django()
    before, after = sql.listed(), sorted(sql.crossings())
    sql.DEBT.write_text(sql.HEAD + "".join(f"{module} -> {table}\n" for module, table in after))
    print(f"statements in the source: {len(before)} -> {len(after)}")
    before, after = executed.listed(), executed.owed()
    executed.DEBT.write_text(executed.HEAD + "".join(f"{by} -> {table}\n" for by, table in after))
    print(f"statements executed: {len(before)} -> {len(after)}")


if __name__ == "__main__":
    main()
