"""What a person gets when a run is handed off: all that was done, refused and left open, and nothing that is not JSON."""

from tests.unit.agent.stage import asked, config, denied, dispatched, opened, proposed, replied, succeeded, unknown

from dueprocess.agent import Act, AskModel, HandOff, packet
from dueprocess.gate import ActionSettled, Outcome, SettledBy
from dueprocess.testing.playbook import Playbook
from dueprocess.values import canonical, parse


def test_the_packet_says_what_was_asked_done_refused_and_left_open():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        look, paid, lost = proposed(play, ("look", "{}"), ("pay", '{"amount_usd":51}'), ("pay", '{"amount_usd":5}'))
        play.wants(Act(actions=(look, paid, lost)))
        play.on(dispatched(play, look), action=look, attempt=1).wants(Act(actions=(paid, lost)))
        play.on(succeeded(), action=look, attempt=1).wants(Act(actions=(paid, lost)))
        play.on(denied(play, paid), action=paid).wants(Act(actions=(lost,)))
        play.on(dispatched(play, lost), action=lost, attempt=1).wants()
        play.on(unknown(), action=lost, attempt=1).wants(*play.commands)
        gone = ActionSettled(outcome=Outcome.UNSETTLED, by=SettledBy.RECOVERY)
        reason = "nobody but a person can tell what became of pay"
        play.on(gone, action=lost, attempt=1).wants(HandOff(reason=reason))
        told = parse(packet(play.state, reason=reason))
    assert told == {
        "task": "please",
        "on_behalf_of": "user:ann",
        "reason": reason,
        "done": ["look"],
        "open": [
            {
                "action": lost,
                "tool": "pay",
                "arguments": '{"amount_usd":5}',
                "status": "unsettled",
                "attempts": 1,
                "answer": "",
            }
        ],
        "not_done": [
            {
                "action": paid,
                "tool": "pay",
                "arguments": '{"amount_usd":51}',
                "status": "settled",
                "attempts": 0,
                "answer": '{"error":"denied","findings":[{"reason":"no","rule":"pay.allowed"}]}',
            },
        ],
        "last_words": "",
        "turns": 1,
    }


def test_the_packet_keeps_the_last_words_and_is_canonical():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        play.on(asked(), replied("I will look.", ("look", "{}"))).wants(*play.commands)
        text = packet(play.state, reason="\u202e\x00 hostile \ud7ff")
    assert canonical(parse(text)) == text
    assert parse(text)["last_words"] == "I will look."
