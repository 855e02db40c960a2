"""A store in the memory of one process: the same promises but durability. For tests, tutorials and trials."""

from dueprocess.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
