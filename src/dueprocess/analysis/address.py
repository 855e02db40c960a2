"""What `domain` reads, as regular expressions of SMT-LIB: which texts are addresses, and which have a given host.

The grammar is that of `policy.operations`; tests compare the two.

Rule 1. Addresses have at most `LONGEST_ADDRESS` characters: a bound, told with every answer. No label of a host can then
        be too long, which is what makes these expressions small.
Rule 2. A host is compared with texts that are written out only; that is exact, whatever the case of its letters.
"""

from typing import Final

from dueprocess.analysis.terms import FALSE, Term, apply, either, integer, text_term

LONGEST_ADDRESS: Final = 63  # characters of the longest label (RFC 1035, section 2.3.4)
_ANYTHING: Final = Term("re.all")
_HOST_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


def _exactly(text: str) -> Term:
    return apply("str.to_re", text_term(text))


def _range(first: str, last: str) -> Term:
    return apply("re.range", text_term(first), text_term(last))


def _any_of(*of: Term) -> Term:
    return of[0] if len(of) == 1 else apply("re.union", *of)


def _then(*of: Term) -> Term:
    return of[0] if len(of) == 1 else apply("re.++", *of)


_ALNUM: Final = _any_of(_range("a", "z"), _range("A", "Z"), _range("0", "9"))
_LABEL: Final = _then(_ALNUM, apply("re.opt", _then(apply("re.*", _any_of(_ALNUM, _exactly("-"))), _ALNUM)))
_HOST: Final = _then(apply("re.+", _then(_LABEL, _exactly("."))), _LABEL)
_LOCAL: Final = _then(apply("re.+", _any_of(_ALNUM, *map(_exactly, ".!$%&'*+=^_`{|}~-"))), _exactly("@"))
_HOST_PART: Final = apply("re.*", _any_of(_ALNUM, _exactly("-"), _exactly(".")))


def _either_case(text: str) -> Term:
    if not text:
        return _exactly("")
    return _then(
        *(_any_of(_exactly(each), _exactly(each.upper())) if each.isalpha() else _exactly(each) for each in text)
    )


_SCHEME: Final = _then(_either_case("http"), apply("re.opt", _either_case("s")), _exactly("://"))
_PORT: Final = apply("re.opt", _then(_exactly(":"), Term(f"((_ re.loop 1 5) {_range('0', '9')})")))
_PATH: Final = apply(
    "re.opt",
    _then(_any_of(*map(_exactly, "/?#")), apply("re.*", _any_of(_range("!", "["), _range("]", "~")))),
)
_WEB: Final = _then(_SCHEME, _HOST, _PORT, _PATH)
_MAIL: Final = _then(_LOCAL, _HOST)
_AFTER: Final = apply("re.opt", _then(_any_of(*map(_exactly, ":/?#")), _ANYTHING))


def is_address(text: Term) -> Term:
    """`domain` can read it."""
    return apply("str.in_re", text, _any_of(_MAIL, _WEB))


def is_short(text: Term) -> Term:
    """It is no longer than what is looked at (rule 1)."""
    return apply("<=", apply("str.len", text), integer(LONGEST_ADDRESS))


def host_is(address: Term, host: str) -> Term:
    """The host of this address, in lower case, is this text (rule 2)."""
    return _has(address, host, before=_exactly(""), after=_exactly(""))


def host_starts(address: Term, text: str) -> Term:
    """The host of this address, in lower case, starts with this text."""
    return _has(address, text, before=_exactly(""), after=_HOST_PART)


def host_ends(address: Term, text: str) -> Term:
    """The host of this address, in lower case, ends with this text."""
    return _has(address, text, before=_HOST_PART, after=_exactly(""))


def _has(address: Term, text: str, *, before: Term, after: Term) -> Term:
    # Whether it is an address at all was asked before: here the host needs only be told from what surrounds it.
    if not frozenset(text) <= _HOST_CHARACTERS:
        return FALSE
    host = _then(before, _either_case(text), after)
    return either(
        apply("str.in_re", address, _then(_LOCAL, host)), apply("str.in_re", address, _then(_SCHEME, host, _AFTER))
    )


def near(host: str) -> tuple[str, ...]:
    """Addresses whose hosts are this one, end or begin with it, or only look so; and some that `domain` does not read."""
    name = host.strip(".-").lower()
    return (
        f"a@{name}",
        f"a@x.{name}",
        f"a@x{name}",
        f"a@{name}.example.org",
        "a@example.com",
        f"https://{name}/",
        "a@localhost",
        '"a b"@example.com',
    )
