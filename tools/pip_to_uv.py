"""Say in uv's words what pip is configured to do: index, certificates, proxy. Reads no file and starts no process.

Rule 1: what the caller has already said in uv's own variables stands.
Rule 2: pip's order holds: its variables before its files, the section of the command before the global one.
Rule 3: the best match over all indexes is taken, as pip does; the hashes in `requirements/` say what may match.
Rule 4: a local place that does not exist is left out: pip warns of it and goes on, uv would stop.
"""

# Needed here, unlike elsewhere: an interpreter older than the floor must not evaluate the annotations.
from __future__ import annotations

import ast
import os
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTIONS = ("global", "install", ":env:")
"""The sections of pip's configuration that count, the later one over the earlier."""

ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}
"""Other names under which pip takes the same option."""


def parse(listed: str) -> dict[str, str]:
    """Return the options in the output of `pip config list`, by their long names, merged as pip merges them."""
    sections: dict[str, dict[str, str]] = {name: {} for name in SECTIONS}
    for line in listed.splitlines():
        key, separator, quoted = line.partition("=")
        section, _, option = key.rpartition(".")
        if separator and section in sections:
            name = option.strip().lower().replace("_", "-")
            sections[section][ALIASES.get(name, name)] = str(ast.literal_eval(quoted))
    merged: dict[str, str] = {}
    for name in SECTIONS:
        # pip takes an empty value for none at all.
        merged.update({option: value for option, value in sections[name].items() if value.strip()})
    return merged


def uv_environment(config: Mapping[str, str], environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the environment in which uv installs from where pip would, and the flags for what no variable carries."""
    said: dict[str, str] = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}
    if not any(environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        said.update(_one("UV_DEFAULT_INDEX", config.get("index-url", "")))
    if not any(environ.get(name) for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL")):
        said.update(_one("UV_INDEX", " ".join(_present(config.get("extra-index-url", "")))))
    said.update(_one("UV_FIND_LINKS", ",".join(_present(config.get("find-links", "")))))
    said.update(_one("UV_INSECURE_HOST", " ".join(config.get("trusted-host", "").split())))
    said.update(_one("UV_HTTP_TIMEOUT", config.get("timeout", "").partition(".")[0]))
    said.update(_one("UV_HTTP_RETRIES", config.get("retries", "")))
    said.update(_one("UV_KEYRING_PROVIDER", "subprocess" if config.get("keyring-provider") == "subprocess" else ""))
    environment = {**environ, **{name: value for name, value in said.items() if not environ.get(name)}}
    # A certificate or proxy that pip is told of is meant for the index: it is nearer than the machine's general one.
    environment.update(_certificates(config, environ))
    environment.update(_one("SSL_CLIENT_CERT", config.get("client-cert", "")))
    environment.update(_proxies(config.get("proxy", "")))
    # These would change what is installed, which the requirement files alone decide.
    for name in ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_REQUIRE_HASHES", "UV_NO_BINARY"):
        environment.pop(name, None)
    return environment, ["--no-index"] if _is_true(config.get("no-index", "")) else []


def pip_environment(config: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which pip fetches uv into a folder of ours, whatever its defaults are."""
    environment = dict(environ)
    for name in ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_REQUIREMENT", "PIP_NO_BINARY", "PIP_DRY_RUN"):
        environment.pop(name, None)
    environment.update(
        PIP_USER="0", PIP_REQUIRE_VIRTUALENV="0", PIP_CONSTRAINT=os.devnull, PIP_ROOT_USER_ACTION="ignore"
    )
    if "cert" not in config and environ.get("SSL_CERT_FILE"):
        # pip does not read this variable, uv and much else do.
        environment["PIP_CERT"] = environ["SSL_CERT_FILE"]
    return environment


def _certificates(config: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    found = config.get("cert", "")
    if not found and not environ.get("SSL_CERT_FILE") and not environ.get("SSL_CERT_DIR"):
        # What pip's HTTP library goes by when pip is told nothing.
        found = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
    if found:
        return {"SSL_CERT_DIR" if Path(found).is_dir() else "SSL_CERT_FILE": found}
    return _one("UV_SYSTEM_CERTS", "" if environ.get("UV_SYSTEM_CERTS") else "true")


def _proxies(proxy: str) -> dict[str, str]:
    if not proxy:
        return {}
    url = proxy if "://" in proxy else f"http://{proxy}"
    return dict.fromkeys(("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy"), url)


def _present(places: str) -> list[str]:
    return [place for place in places.split() if _exists(place)]


def _exists(place: str) -> bool:
    parts = urllib.parse.urlsplit(place)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path)).exists()
    return bool(parts.scheme) or Path(place).expanduser().exists()


def _one(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def _is_true(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on", "t", "y"}
