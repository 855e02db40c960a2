"""Statements that a model writes: read, checked against a scope, written anew, confined to a tenant. What runs them is in `databases`.

It needs the extra `sql` (sqlglot, the reader).
"""

from dueprocess.sql.declared import arguments_that_run, declaration
from dueprocess.sql.functions import FUNCTIONS
from dueprocess.sql.judge import check, judge
from dueprocess.sql.port import Database, Failed, Limits, Rows, RowSecurity, Standing
from dueprocess.sql.rewrite import confine, rewrite
from dueprocess.sql.scope import TENANT_PARAMETER, Dialect, Scope, Table
from dueprocess.sql.statement import PARAMETERS, SQL, Checked, Confined, Refusal, Refused
from dueprocess.sql.template import TEMPLATE, Template, Templates

__all__ = [
    "FUNCTIONS",
    "PARAMETERS",
    "SQL",
    "TEMPLATE",
    "TENANT_PARAMETER",
    "Checked",
    "Confined",
    "Database",
    "Dialect",
    "Failed",
    "Limits",
    "Refusal",
    "Refused",
    "RowSecurity",
    "Rows",
    "Scope",
    "Standing",
    "Table",
    "Template",
    "Templates",
    "arguments_that_run",
    "check",
    "confine",
    "declaration",
    "judge",
    "rewrite",
]
