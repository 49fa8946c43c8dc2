"""What PostgreSQL's catalogue says of a database, as texts that know nothing of the migrations that made it.

Left out: the order of columns, rows of `django_migrations`, and the names that Django and PostgreSQL made up (they
follow from older names of tables and columns). Days of readings are told of once.
"""

import re
import textwrap

import psycopg

from urja.laws import database_catalogue

DAY = re.compile(r"_20000101\b")
MADE_UP = re.compile(
    r"^(constraint \w+|index CREATE (?:UNIQUE )?INDEX) \w+_(?:pkey|key|fkey|check\d*|idx\d*|[0-9a-f]{8}(?:_\w+)?)\b"
)

SPACES = "(SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')"
"""The schema of the tables, and those of published views."""

COLUMNS = f"""
SELECT r.oid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    || CASE attidentity WHEN 'd' THEN ' BY DEFAULT AS IDENTITY' WHEN 'a' THEN ' ALWAYS AS IDENTITY' ELSE '' END
    || CASE attgenerated WHEN 's' THEN ' STORED' WHEN 'v' THEN ' VIRTUAL' ELSE '' END
    || CASE WHEN attcollation <> 0 AND attcollation <> typcollation
        THEN ' COLLATE ' || attcollation::regcollation ELSE '' END
    || coalesce(CASE WHEN attgenerated = '' THEN ' DEFAULT ' ELSE ' AS ' END || pg_get_expr(adbin, adrelid), '')
    || coalesce(' -- ' || col_description(r.oid, attnum), '')
FROM pg_attribute JOIN pg_class r ON r.oid = attrelid JOIN pg_type t ON t.oid = atttypid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE r.relnamespace IN {SPACES} AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND attnum > 0 AND NOT attisdropped
"""
RELATIONS = f"""
SELECT 'relation ' || r.oid::regclass || ': '
    || CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'S' THEN 'sequence' ELSE relkind::text END
    || CASE relpersistence WHEN 'p' THEN '' ELSE ', not logged' END
    || CASE relreplident WHEN 'd' THEN '' ELSE ', replica identity ' || relreplident::text END
    || coalesce(', with ' || array_to_string(reloptions, ', '), '')
    || coalesce(', partitioned by ' || pg_get_partkeydef(oid), '')
    || coalesce(', partition ' || pg_get_expr(relpartbound, oid), '')
    || coalesce((SELECT ' of ' || inhparent::regclass FROM pg_inherits WHERE inhrelid = r.oid), '')
    || coalesce(' -- ' || obj_description(oid, 'pg_class'), '')
FROM pg_class r WHERE relnamespace IN {SPACES} AND relkind NOT IN ('i', 'I')
"""
SEQUENCES = f"""
SELECT 'sequence ' || s.seqrelid::regclass || ' ' || concat_ws(' ', s.seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax,
    seqcache, CASE WHEN seqcycle THEN 'cycles' END) || coalesce(' of ' || (
        SELECT refobjid::regclass || '.' || attname FROM pg_depend JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
        WHERE classid = 'pg_class'::regclass AND objid = s.seqrelid AND deptype IN ('a', 'i')), '')
FROM pg_sequence s JOIN pg_class r ON r.oid = s.seqrelid WHERE r.relnamespace IN {SPACES}
"""
CONSTRAINTS = f"""
SELECT 'constraint ' || r.relname || ' ' || conname || ': ' || pg_get_constraintdef(c.oid)
    || CASE WHEN convalidated THEN '' ELSE ' NOT VALIDATED' END || CASE WHEN conenforced THEN '' ELSE ' NOT ENFORCED' END
FROM pg_constraint c JOIN pg_class r ON r.oid = conrelid
WHERE r.relnamespace IN {SPACES} AND contype <> 'n'
"""
INDEXES = f"""
SELECT 'index ' || pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
    || CASE WHEN indisclustered THEN ' clustered' ELSE '' END
FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid
WHERE r.relnamespace IN {SPACES} AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype <> 'f')
"""
TRIGGERS = f"""
SELECT pg_get_triggerdef(t.oid) || CASE tgenabled WHEN 'O' THEN '' ELSE ' ' || tgenabled::text END
FROM pg_trigger t JOIN pg_class r ON r.oid = tgrelid WHERE NOT tgisinternal AND r.relnamespace IN {SPACES}
"""
OTHERS = f"""
SELECT 'policy ' || polname || ' on ' || polrelid::regclass || ': ' || polcmd::text || ' '
    || coalesce(pg_get_expr(polqual, polrelid), '-') || ' check ' || coalesce(pg_get_expr(polwithcheck, polrelid), '-')
FROM pg_policy
UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename <> '_RETURN' AND ev_class::regclass::text !~ '^pg_|^information_'
UNION ALL SELECT 'extension ' || extname FROM pg_extension
UNION ALL SELECT 'statistics ' || pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
UNION ALL SELECT 'type ' || typname || ' ' || typtype::text || coalesce(' of ' || NULLIF(typbasetype, 0)::regtype, '')
    || ' ' || array(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)::text
FROM pg_type t WHERE typnamespace IN {SPACES} AND typtype IN ('d', 'e', 'r', 'm')
"""
FUNCTIONS = f"""
SELECT pg_get_functiondef(p.oid) FROM pg_proc p
WHERE pronamespace IN {SPACES} AND prokind IN ('f', 'p')
UNION ALL
SELECT 'CREATE VIEW ' || oid::regclass || ' AS' || chr(10) || pg_get_viewdef(oid) FROM pg_class
WHERE relnamespace IN {SPACES} AND relkind IN ('v', 'm')
"""


def tables(connection: psycopg.Connection) -> str:
    """Columns, constraints, indexes, sequences and triggers, a line each."""
    found = [
        DAY.sub("_(day)", MADE_UP.sub(r"\1 (made up)", line))
        for query in (COLUMNS, RELATIONS, SEQUENCES, CONSTRAINTS, INDEXES, TRIGGERS, OTHERS)
        for (line,) in connection.execute(query)
    ]
    return "\n".join(sorted(found)) + "\n"


def functions(connection: psycopg.Connection) -> str:
    """Functions and views in full."""
    return "\n".join(sorted(_dedented(text) for (text,) in connection.execute(FUNCTIONS))) + "\n"


def _dedented(definition: str) -> str:
    """The body without the indentation that it had in a migration."""
    head, *body = definition.strip().split("\n")
    lines = [line.rstrip() for line in textwrap.dedent("\n".join(body)).split("\n")]
    return "\n".join((head, *(line for line in lines if line), ""))


def rights(connection: psycopg.Connection) -> str:
    """Who owns what, who may do what, and who may become whom."""
    telling = re.compile(
        r"function .* belongs to \w+|.* (?:may|belongs to|is a member of) .*|(?:role|by default) .*"
    )
    return (
        "\n".join(found[0] for line in database_catalogue.read(connection) if (found := telling.match(line)))
        + "\n"
    )
