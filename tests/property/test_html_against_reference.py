"""Random pages against html5lib, a reference parser of the specification: what it puts into something hidden is not seen here."""

import re
import warnings

from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from dueprocess.evidence import PUBLIC, Visibility
from dueprocess.retrievers.ingest import Format, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what foreign packages say while they are loaded
    import html5lib

# Without `select` and `template`, which the specification has changed since.
NAMES = (
    "p div span b i a font em u li ul ol table tr td th tbody caption button h1 h2 section form dl dt dd option svg math "
    "text ruby rt pre nobr center object marquee address article details summary fieldset foreignObject desc hr br blockquote"
).split()
TAGS = st.one_of(
    st.sampled_from(NAMES).map(lambda name: f"<{name}>"),
    st.sampled_from(NAMES).map(lambda name: f"<{name} hidden>"),
    st.sampled_from(NAMES).map(lambda name: f"</{name}>"),
    st.just("word"),
)
PAGES = st.tuples(st.sampled_from(["", "<!doctype html>"]), st.lists(TAGS, max_size=14), st.just("word"))
WORD = re.compile(r"w\d+z")


def seen_by_reference(source: str) -> set[str]:
    """The words that stand in nothing hidden."""
    found: set[str] = set()

    def walk(element, *, hidden: bool) -> None:
        hidden = hidden or "hidden" in element.attrib
        pieces = [element.text or ""] if not hidden else []
        for child in element:
            if isinstance(child.tag, str):
                walk(child, hidden=hidden)
            if not hidden:
                pieces.append(child.tail or "")
        found.update(WORD.findall(" ".join(pieces)))

    walk(html5lib.parse(source), hidden=False)
    return found


def seen_here(source: str) -> set[str]:
    document = read(source.encode(), Format.HTML, id="x", access=PUBLIC)
    return {
        word for part in document.parts if part.visibility is Visibility.VISIBLE for word in WORD.findall(part.text)
    }


@settings(max_examples=300)
@given(PAGES)
@example(("", ["<p hidden>", "<table>"], "word"))
@example(("", ["<form hidden>", "<div>", "</form>"], "word"))
@example(("", ["<a hidden>", "<p>", "<a>"], "word"))
@example(("", ["<li hidden>", "<object>", "<li>"], "word"))
@example(("", ["<b hidden>", "<p>", "</b>"], "word"))
@example(("", ["<math>", "<form>", "<form hidden>", "<dd>"], "word"))
@example(("", ["<div hidden>", "<td>", "</td>", "</tr>"], "word"))
def test_what_a_browser_would_hide_is_not_seen(page):
    doctype, pieces, last = page
    numbered = (f"w{number}z" if piece == "word" else piece for number, piece in enumerate([*pieces, last]))
    source = doctype + "".join(numbered)
    try:
        expected = seen_by_reference(source)
    except AssertionError:
        reject()  # the reference itself gives up on some tables
    assert seen_here(source) <= expected, source


def test_the_reference_sees_what_there_is_to_see():
    source = "<p hidden>w1z<p>w2z<b>w3z"
    assert seen_by_reference(source) == seen_here(source) == {"w2z", "w3z"}
