"""Measurements beside floors and peers: `python -m bench`. Nothing here is part of the package, and no figure is asserted by a test."""
