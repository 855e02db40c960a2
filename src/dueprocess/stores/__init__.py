"""Where the ledger is kept: memory, SQLite; and the key file beside it. What is kept is decided by the runtime."""
