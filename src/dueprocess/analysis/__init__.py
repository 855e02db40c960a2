"""Policies looked at as texts that change: a first draft, what a change lets through, what can never matter, and other languages.

Nothing is decided here: what is found is confirmed by the decider. What needs z3 is imported by name, not from this face.
"""

from dueprocess.analysis.draft import draft

__all__ = ["draft"]
