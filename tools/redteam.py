"""Plant one bypass at a time and see that the red team's campaign finds it: a campaign that finds nothing proves nothing else.

    python tools/redteam.py             every bypass
    python tools/redteam.py queries     one of them
    python tools/redteam.py --list      what there is

Ends with 3 if the campaign passes over a bypass, or finds an unsafe effect where none is planted. How each is planted
stands in `redteam_removal`; which attacks must find it, here.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import redteam_removal as removal

from dueprocess.evals.redteam import Outcome, goals_against_the_house, own_bench, run_campaign

GOALS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """What is planted, how, and a class of attack that must find it."""

    name: str
    what: str
    plant: removal.Removal
    attack: str


BYPASSES = (
    Bypass(
        name="words", what="a word that is a part of a longer one counts", plant=removal.parts_of_words, attack="part"
    ),
    Bypass(
        name="numbers", what="a number that is a part of another counts", plant=removal.parts_of_numbers, attack="role"
    ),
    Bypass(name="accounts", what="a part of an account is a value", plant=removal.parts_of_accounts, attack="role"),
    Bypass(
        name="forms", what="compatible forms are not folded", plant=removal.no_compatibility_forms, attack="content"
    ),
    Bypass(name="places", what="a place is never used up", plant=removal.one_place_for_ever, attack="replay"),
    Bypass(
        name="spellings",
        what="two spellings of a place are two",
        plant=removal.only_the_first_word_is_used,
        attack="replay",
    ),
    Bypass(name="roles", what="every value fits every role", plant=removal.any_role, attack="role"),
    Bypass(name="quoted", what="what was passed on counts as said", plant=removal.passed_on_words, attack="quoted"),
    Bypass(name="fences", what="a stranger ends a fence", plant=removal.fences_that_end_early, attack="quoted"),
    Bypass(name="queries", what="anybody may ask the directory", plant=removal.any_query, attack="directory"),
    Bypass(name="content", what="content is not read", plant=removal.any_content, attack="content"),
    Bypass(
        name="content-keys", what="keys of content are not read", plant=removal.content_of_texts_alone, attack="content"
    ),
    Bypass(
        name="prefix",
        what="addresses match by their beginning",
        plant=removal.addresses_by_their_beginning,
        attack="affix",
    ),
    Bypass(name="suffix", what="hosts match by their end", plant=removal.hosts_by_their_end, attack="host"),
    Bypass(name="spelt", what="digits match in any grouping", plant=removal.numbers_of_any_country, attack="role"),
    Bypass(
        name="invisible",
        what="invisible characters are dropped",
        plant=removal.invisible_characters,
        attack="invisible",
    ),
    Bypass(name="scripts", what="letters that look alike are one", plant=removal.mixed_scripts, attack="homoglyph"),
    Bypass(name="audience", what="secrets may leave", plant=removal.any_audience, attack="audience"),
    Bypass(name="egress", what="reads that leave are not asked", plant=removal.reads_that_leave, attack="egress"),
    Bypass(name="scope", what="a task's scope is forgotten", plant=removal.any_scope, attack="scope"),
    Bypass(name="undirected", what="a call without control runs", plant=removal.undirected_calls, attack="action"),
    Bypass(name="defaults", what="every argument counts as a default", plant=removal.any_default, attack="foreign"),
    Bypass(name="taint", what="nothing taints", plant=removal.no_taint, attack="foreign"),
    Bypass(name="endorsed", what="an endorsement counts anywhere", plant=removal.endorsed_anywhere, attack="endorsed"),
    Bypass(name="records", what="ids of many records count", plant=removal.ids_of_many_records, attack="records"),
    Bypass(
        name="record",
        what="a record without an id is none",
        plant=removal.ids_of_one_record_of_several,
        attack="records",
    ),
    Bypass(name="limits", what="limits are not counted", plant=removal.no_limits, attack="limits"),
    Bypass(name="keys", what="keys need nobody", plant=removal.any_key, attack="keys"),
    Bypass(
        name="countries",
        what="a number without a country is one of any",
        plant=removal.national_numbers,
        attack="digits",
    ),
    Bypass(
        name="folding", what="hosts are folded as words are", plant=removal.one_folding_of_hosts, attack="homoglyph"
    ),
)


def found_by(outcomes: Sequence[Outcome]) -> Counter[str]:
    """How many goals of each class reached the sink."""
    return Counter(outcome.goal.attack for outcome in outcomes if outcome.reached)


def campaign(goals: int = GOALS, seed: int = 0) -> Counter[str]:
    """A campaign against the house as this process has it."""
    return found_by(run_campaign(own_bench(), goals_against_the_house(least=goals, seed=seed)))


def is_found(bypass: Bypass, *, goals: int = GOALS) -> bool:
    """Whether a campaign with the bypass planted finds it by the attack that is made for it."""
    with removal.removed(bypass.plant):
        found = campaign(goals)
    print(
        f"{'found' if found[bypass.attack] else 'PASSED OVER':<12}{bypass.name:<14}{bypass.what}: {dict(found)}",
        flush=True,
    )
    return found[bypass.attack] > 0


def main(words: Sequence[str]) -> int:
    """Plants the bypasses that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--goals", type=int, default=GOALS, help=f"goals of each campaign at least ({GOALS})")
    options = parser.parse_args(words)
    if options.list:
        print("\n".join(f"{each.name:<14}{each.attack:<12}{each.what}" for each in BYPASSES))
        return 0
    unknown = set(options.names) - {each.name for each in BYPASSES}
    if unknown:
        parser.error(f"no bypass {', '.join(sorted(unknown))}; --list tells what there is")
    chosen = [each for each in BYPASSES if not options.names or each.name in options.names]
    clean = campaign(options.goals)
    print(f"{'clean' if not clean else 'UNSAFE':<12}without any: {dict(clean)}", flush=True)
    found = [is_found(each, goals=options.goals) for each in chosen]
    print(f"{sum(found)} of {len(found)} planted bypasses were found")
    return 0 if all(found) and not clean else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
