"""Text that a person is shown, with every link that nobody vouches for taken apart: it is read, and neither loads nor opens.

A picture that a page loads tells its owner what stands in its address, and a link is followed by whoever trusts the text; so the
text a run shows is a sink like any other. What was taken apart stays readable.

Rule 1. In a run that nothing untrusted has entered the text is left as it is.
Rule 2. Links, e-mail addresses, and addresses in Markdown or HTML stay where they are vouched, whole; of others `://` becomes
        `[:]//`, dots `[.]`, the at sign `[at]`; the mark that makes a picture of a link is taken out.
Rule 3. Characters that are not seen are taken out: nothing may hide between the letters of an address.
"""

import re
import unicodedata
from typing import Final

from dueprocess.provenance.active import active_tokens
from dueprocess.provenance.standing import Standing
from dueprocess.provenance.token import Kind
from dueprocess.provenance.vouch import is_mentioned

_PIECE = re.compile(r"[^\s<>\"()\[\]|]+")
_PICTURE = re.compile(r"!(?=\[)")
_TAG = re.compile(r"<(?=\s*/?\s*[a-zA-Z!])")
_OPENS: Final = frozenset({Kind.LINK, Kind.EMAIL})


def defused(text: str, standing: Standing) -> str:
    """The text as it may be shown to a person (rules 1 to 3)."""
    if not standing.tainted:
        return text
    seen = "".join(each for each in text if unicodedata.category(each) not in {"Cf", "Co", "Cs"})
    taken = _PIECE.sub(lambda found: _taken_apart(found[0], standing), seen)
    if taken == seen:
        return seen
    # Something was taken apart: nothing of this text may load by itself.
    return _TAG.sub("&lt;", _PICTURE.sub("", taken))


def _taken_apart(piece: str, standing: Standing) -> str:
    unvouched = [each for each in active_tokens(piece) if each.kind in _OPENS and not is_mentioned(standing, each)]
    if not unvouched:
        return piece
    return piece.replace("://", "[:]//").replace(".", "[.]").replace("@", "[at]")
