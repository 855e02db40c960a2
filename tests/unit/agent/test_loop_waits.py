"""A run that rests for several things at once wakes at the first of them (I11)."""

from tests.unit.agent.stage import config, dispatched, failed, held, in_, opened, proposed

from dueprocess.agent import Act, AskModel, Hold, Wait
from dueprocess.gate import ActionWaiting
from dueprocess.testing.playbook import Playbook
from dueprocess.values import Instant

PAY = ("pay", '{"amount_usd":30}')
LOOK = ("look", '{"order_id":"A"}')


def test_i11_a_run_with_several_waits_wakes_at_the_first_of_them():
    with Playbook(config()) as play:
        opened(play).wants(AskModel(turn=1, attempt=1))
        pay, other, another, look = proposed(play, PAY, PAY, PAY, LOOK)
        play.wants(Act(actions=(pay, other, another, look)))
        soon = Instant(play.at + 5 * 1_000_000)
        play.on(held(play, pay, expires_at=soon), action=pay).wants(Act(actions=(other, another, look)))
        first = ActionWaiting(call=play.call(other), original="a_1")
        second = ActionWaiting(call=play.call(another), original="a_2")
        play.on(first, action=other).wants(Act(actions=(another, look)))
        play.on(second, action=another).wants(Act(actions=(look,)))
        both = ("a_1", "a_2")
        play.on(dispatched(play, look), action=look, attempt=1).wants(
            Hold(actions=(pay,), until=Instant(soon + 1), others=both)
        )
        play.on(failed(in_(play, 1)), action=look, attempt=1).wants(Wait(until=in_(play, 1), others=both))
        play.on(failed(in_(play, 9)), action=look, attempt=1).wants(
            Hold(actions=(pay,), until=Instant(soon + 1), others=both)
        )
