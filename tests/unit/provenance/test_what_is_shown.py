"""What a person is shown of a tainted run opens and loads nothing that nobody vouches for, and stays readable."""

import pytest

from dueprocess.provenance import EMPTY_STANDING, Standing, answered, defused, said
from dueprocess.values.trust import UNLABELLED


def tainted(task: str = "compare www.shop.example and a@shop.example") -> Standing:
    read = answered("hello", origin="a1", tool="read", source=UNLABELLED, query_vouched=True)
    return EMPTY_STANDING.enter(said(task, origin="task")).enter(read)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see www.shop.example or a@shop.example", "see www.shop.example or a@shop.example"),
        ("it costs 12.50, e.g. today. Done.", "it costs 12.50, e.g. today. Done."),
        ("see http://evil.example/a?b=c", "see http[:]//evil[.]example/a?b=c"),
        ("![p](https://evil.example/x.png)", "[p](https[:]//evil[.]example/x[.]png)"),
        ("[www.shop.example](https://evil.example)", "[www.shop.example](https[:]//evil[.]example)"),
        ("<img src='https://evil.example/x'>", "&lt;img src='https[:]//evil[.]example/x'>"),
        ("<a href=//evil.example>x</a>", "&lt;a href=//evil[.]example>x&lt;/a>"),
        ("write to b@evil.example", "write to b[at]evil[.]example"),
        ("see www.shop.example.evil.example", "see www[.]shop[.]example[.]evil[.]example"),
        ("see e\u200bvil.example", "see evil[.]example"),
        ("javascript://evil%0aalert(1)", "javascript[:]//evil%0aalert(1)"),
    ],
)
def test_a_link_that_nobody_vouches_for_is_taken_apart(text: str, shown: str):
    assert defused(text, tainted()) == shown


def test_before_anything_untrusted_was_read_a_text_is_left_as_it_is():
    text = "see https://evil.example and e\u200bvil.example"
    assert defused(text, EMPTY_STANDING) == text
