"""The project that `due init` writes: an agent that refunds orders. A beginning to be changed, not a library to import."""
