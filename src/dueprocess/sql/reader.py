"""The reader of SQL, an optional package, or what to do where it is missing. What is made of its trees is told elsewhere."""

try:
    from sqlglot import exp
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("SQL tools need a reader of SQL; install it: dueprocess[sql]", name=error.name) from None

__all__ = ["exp"]
