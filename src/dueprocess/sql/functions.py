"""The functions that a statement may use, and the words that make up a statement. Which of them a scope allows is its matter.

Rule 1. A function is listed only if it reads nothing but its arguments, changes nothing, and gives back no more than a
        few times what it was given. (`replace`, `repeat`, `lpad`, `format`, `string_agg` grow; `current_setting` and
        `pg_*` read elsewhere; `set_config`, `nextval`, `lo_*`, `load_extension` act.)
Rule 2. A name means the same in both dialects, or is missing in one of them (`ELSEWHERE`).
"""

from typing import Final

AGGREGATES: Final = frozenset("count sum avg min max total".split())
WINDOWS: Final = frozenset("row_number rank dense_rank lag lead".split())
VALUES: Final = frozenset("coalesce nullif lower upper length trim abs round substring".split())
DATES: Final = frozenset(
    "current_date current_timestamp date datetime julianday strftime date_trunc extract to_char".split()
)
FUNCTIONS: Final = AGGREGATES | WINDOWS | VALUES | DATES
"""Every function that this version knows to be harmless, under the name that is written."""

ELSEWHERE: Final = {
    "sqlite": frozenset("date_trunc extract to_char".split()),
    "postgres": frozenset("datetime julianday strftime total".split()),
}
"""Those that a dialect does not have."""

SYNONYMS: Final = {
    "substr": "substring",
    "ifnull": "coalesce",
    "now": "current_timestamp",
    "char_length": "length",
    "integer": "int",
    "numeric": "decimal",
}
"""Words that the reader turns into others of the same meaning."""

UNITS: Final = frozenset("YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND DOW DOY EPOCH ISODOW ISOYEAR".split())
"""What `extract` may take out of a date."""

CASTS: Final = {
    "sqlite": frozenset("INT INTEGER TEXT REAL FLOAT DOUBLE".split()),
    "postgres": frozenset("INT BIGINT SMALLINT TEXT DOUBLE DECIMAL DATE TIMESTAMP BOOLEAN".split()),
}
"""What a value may be cast to, as the reader calls it. A catalog type (`regclass`) looks names up: it is not among them."""

TYPES: Final = CASTS["sqlite"] | CASTS["postgres"] | {"PRECISION"}
"""The words of types in a written statement."""

KEYWORDS: Final = frozenset(
    "SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET ASC DESC NULLS FIRST LAST WITH AS UNION ALL INTERSECT "
    "EXCEPT JOIN INNER LEFT RIGHT FULL OUTER CROSS ON USING AND OR NOT IN IS NULL TRUE FALSE LIKE ILIKE ESCAPE BETWEEN "
    "EXISTS CASE WHEN THEN ELSE END CAST OVER PARTITION FILTER ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW FOR "
    "COLLATE BINARY".split()
)
"""Every word of a statement that is neither a name nor a function. `FOR` is that of `substring(x FROM a FOR b)`,
`COLLATE BINARY` that of the comparison with the tenant: a statement of a model may not say it."""
