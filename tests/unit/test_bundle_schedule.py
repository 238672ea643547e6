"""The schedule of bundles: each once, none before those that it needs have ended."""

import random

from ood_bench.execute.bundle_schedule import BundleSchedule
from ood_bench.plan import Bundle


def test_each_bundle_is_handed_out_once_and_after_what_it_needs() -> None:
    chance = random.Random(0)
    for _ in range(50):
        needs = [tuple(n for n in range(place) if chance.random() < 0.2) for place in range(20)]
        bundles = [Bundle((), need, 0) for need in needs]
        schedule = BundleSchedule(bundles)
        running: list[int] = []
        ended: set[int] = set()
        taken: list[int] = []
        while schedule or running:
            if schedule and (not running or chance.random() < 0.5):
                place, bundle = schedule.take()
                assert bundle is bundles[place]
                assert ended.issuperset(needs[place])
                taken.append(place)
                running.append(place)
            else:
                place = running.pop(chance.randrange(len(running)))
                ended.add(place)
                schedule.end(place)
        assert sorted(taken) == list(range(20))


def test_the_first_bundle_comes_first() -> None:
    schedule = BundleSchedule([Bundle((), (), 0), Bundle((), (), 0), Bundle((), (0,), 1)])
    assert [schedule.take()[0], schedule.take()[0]] == [0, 1]
    assert not schedule
    schedule.end(1)
    assert not schedule
    schedule.end(0)
    assert schedule.take()[0] == 2
