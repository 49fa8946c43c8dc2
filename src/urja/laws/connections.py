"""The database connection that laws read with, and its cursor: a law's queries return rows of many shapes."""

from typing import Any

import psycopg

type Connection = psycopg.Connection[Any]
type Cursor = psycopg.Cursor[Any]
