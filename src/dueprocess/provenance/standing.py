"""What a run knows, and what of it has been used: the state that vouching is asked of. A value; each change makes another.

Rule 1. A run is tainted once anything untrusted has entered it, and stays so: from then on all the model says is untrusted.
Rule 2. One place of a value vouches one effect in one argument. A place that an action used is free again only if that
        action surely had no effect.
Rule 3. A value that a person endorsed vouches in the argument it was endorsed for, for the rest of the run.
Rule 4. The audience of a run is the narrowest of all that entered it.
Rule 5. What a person said before and is told again word for word names nothing once more: whoever repeats a task in every
        message, to keep a model to it, has still asked for one thing.
"""

from dataclasses import dataclass, replace
from typing import Final

from dueprocess.provenance.entered import Entered
from dueprocess.provenance.holding import NO_TEXTS, Texts
from dueprocess.provenance.token import Token
from dueprocess.provenance.words import GAP, Words
from dueprocess.values.trust import Audience, Integrity


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A place that an action used for one of its arguments: the number of the span, and where in it."""

    action: str
    argument: str
    span: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """A value that a person vouches for in this run, in the argument of a tool."""

    tool: str
    argument: str
    token: Token
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that entered a run, in order, and what was used of it.

    `scope`: the tools that the task may need, where it or its workflow says so. `vouching`: the numbers of the spans
    that vouch anything. `texts` and `vouching_texts`: the same to be searched, in the same order.
    """

    entered: tuple[Entered, ...] = ()
    vouching: tuple[int, ...] = ()
    texts: Texts = NO_TEXTS
    vouching_texts: Texts = NO_TEXTS
    tainted: bool = False
    audience: Audience = Audience.INTERNAL
    used: tuple[Use, ...] = ()
    endorsed: tuple[Endorsed, ...] = ()
    scope: frozenset[str] | None = None

    def enter(self, span: Entered) -> "Standing":
        """With one more span (rules 1, 4 and 5)."""
        if span.vouches and span.is_prose:
            span = _without_repeats(span, self.entered)
        narrower = span.label.audience.rank > self.audience.rank
        return replace(
            self,
            entered=(*self.entered, span),
            vouching=(*self.vouching, len(self.entered)) if span.vouches else self.vouching,
            texts=self.texts.also(span.words),
            vouching_texts=self.vouching_texts.also(span.vouching) if span.vouches else self.vouching_texts,
            tainted=self.tainted or span.label.integrity is Integrity.UNTRUSTED,
            audience=span.label.audience if narrower else self.audience,
        )

    def use(self, uses: tuple[Use, ...]) -> "Standing":
        """With these places used; an action uses only what its last decision found."""
        if not uses:
            return self
        actions = {use.action for use in uses}
        return replace(self, used=(*(use for use in self.used if use.action not in actions), *uses))

    def free(self, action: str) -> "Standing":
        """With the places of an action free again: it surely had no effect (rule 2)."""
        if not any(use.action == action for use in self.used):
            return self
        return replace(self, used=tuple(use for use in self.used if use.action != action))

    def endorse(self, value: Endorsed) -> "Standing":
        """With a value that a person vouches for (rule 3)."""
        return replace(self, endorsed=(*self.endorsed, value))


def _without_repeats(span: Entered, before: tuple[Entered, ...]) -> Entered:
    text = span.vouching.text
    for earlier in before:
        said = earlier.words.text.strip() if earlier.vouches and earlier.is_prose else ""
        # A short answer ("Bob") is no repetition of itself inside a longer one ("and then pay Bob").
        if len(said) >= _A_TASK or said == text.strip():
            text = text.replace(said, GAP)
    return span if text == span.vouching.text else replace(span, vouching=Words(text))


_A_TASK: Final = 20  # characters from which a text is told again rather than a name mentioned again

EMPTY_STANDING = Standing()
