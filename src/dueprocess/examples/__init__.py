"""Worked examples that ship with the package. Each is a program of its own, built from public names only."""
