"""Where figures were measured: the machine and the versions, as far as they explain a figure. No name of a host or person."""

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PACKAGES: Final = (
    "dueprocess",
    "cryptography",
    "jsonschema-rs",
    "msgspec",
    "cedarpy",
    "langgraph",
    "langgraph-checkpoint-sqlite",
    "aiosqlite",
)


def machine() -> dict[str, object]:
    """What kind of machine this is, and how busy it is now."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_start": round(os.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """The versions of all that was measured; those that are not installed are left out."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
