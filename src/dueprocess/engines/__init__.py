"""Engines: who drives which run, and when. What driving is, is the runtime's."""

from dueprocess.engines.local import LocalEngine

__all__ = ["LocalEngine"]
