"""The charset that a page of HTML says it is in, in its first bytes."""

import re
from typing import Final

_LOOKED_AT: Final = 1024  # WHATWG: a declaration stands in the first 1024 bytes
_CHARSET = re.compile(rb"<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)


def charset_of_page(content: bytes) -> str:
    """The charset declared; empty where none is."""
    found = _CHARSET.search(content[:_LOOKED_AT])
    return found[1].decode("ascii") if found else ""
