"""Releases: what an agent is made of, under one digest. Nothing is rolled out here."""

from dueprocess.release.manifest import STEP_VERSION, Manifest

__all__ = ["STEP_VERSION", "Manifest"]
