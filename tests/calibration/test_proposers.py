"""What each proposer does with what agents are told: bits, refusals and looks at discovery units."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from theodolite.calibration.proposers import (
    MOST_RETRIES,
    AliasMaker,
    ControlGamer,
    Desk,
    EarlyHammer,
    GreedyProposer,
    Option,
    Padder,
    Peeker,
    PHacker,
    RandomProposer,
)
from theodolite.claims import Author, Claim, Covariate, Direction, Hypothesis, Locus, LocusKind, Named
from theodolite.gates import level_rule
from theodolite.store import AgentView
from theodolite.tools import get_tool

TOOL = get_tool("attention.regulation")
SHA = "0" * 64
REFERENCES, HEADS = 5, 6


def claim(number: int) -> Claim:
    return Claim(
        object=TOOL.object,
        relation=TOOL.relation,
        reference=Named(name=f"regulon_{number}", sha256=f"{number:064x}"),
        model=Named(name="planted", sha256=SHA),
        context=Named(name="planted", sha256=SHA),
        adjustment=(Covariate.MEAN,),
    )


def option(number: int, head: int, effect: float, n: int = 100) -> Option:
    locus = Locus(kind=LocusKind.HEAD, layer=1, index=(head,))
    made = claim(number)
    plain = Hypothesis(claim=made, locus=locus, direction=Direction.GREATER, tool="", rationale="")
    return Option(TOOL, locus, f"regulon_{number}", made, plain.id, f"look-{head}", effect, n)


# Regulon 1 looks best everywhere, the first head of each regulon better than the next, and regulon 5 points down.
OPTIONS = tuple(
    option(number, head, 0.3 - 0.05 * number - 0.01 * head if number < REFERENCES else -0.1, n=100 + number)
    for number in range(1, REFERENCES + 1)
    for head in range(1, HEADS + 1)
)
AT = {(item.reference, item.locus.index[0]): item for item in OPTIONS}


def desk(supported=(), unsupported=(), refused=(), released=(), *, round_number=2, spent=0, n_max=400) -> Desk:
    """Return a desk at which so many options were tried before, with a run that answers blinded questions."""

    def seen(item: Option, slot: int) -> dict[str, object]:
        return {
            "campaign": "c", "round": 1, "slot": slot, "hypothesis_id": item.id, "claim_key": item.key,
            "family": TOOL.name, "claim_text": "", "object": TOOL.object, "relation": TOOL.relation.value,
            "reference": item.reference, "locus": str(item.locus),
        }  # fmt: skip

    bits = [(item, True) for item in supported] + [(item, False) for item in unsupported]
    view = AgentView.model_validate(
        {
            "campaign": "c", "rounds_finished": 1, "slots_used": 0, "families": (), "failures": (), "looks": (),
            "bits": [{**seen(item, slot), "supported": bit} for slot, (item, bit) in enumerate(bits, start=1)],
            "refusals": [{**seen(item, 1), "code": "duplicate", "reason": ""} for item in refused],
            "tried_hypotheses": [item.id for item, _ in bits], "tried_keys": [item.key for item, _ in bits],
            "retired_blocks": (),
            "released": [
                {**seen(item, 1), "block_id": "b", "verdict": "inconclusive", "tags": (), "effect": 0.1, "p": 0.1,
                 "first_unmet": "G8", "unmet": (), "next_step": "", "objections": ()} for item in released
            ],
        }
    )  # fmt: skip

    def level(earlier: int):
        return level_rule("main", q=0.1, n_max=n_max, provisional_t=spent + earlier + 1, supports_before=0)

    run = SimpleNamespace(
        registrar=lambda: SimpleNamespace(level=level),
        block="block-2",
        power=SimpleNamespace(spread=lambda shape, reference, block: 0.03),
        setting=SimpleNamespace(sesoi=lambda shape: 0.05),
    )
    return Desk(run, round_number, OPTIONS, view)  # type: ignore[arg-type]


def choose(proposer, at: Desk, slots: int) -> list[Hypothesis]:
    return proposer.choose(at, slots, np.random.default_rng([3, at.round]))


def names(hypotheses: list[Hypothesis]) -> list[tuple[str, int]]:
    return [(item.claim.reference.name, item.locus.index[0]) for item in hypotheses]


class Told:
    """A peep that knows what it was told, and of which part it was asked."""

    def __init__(self, margins: dict[str, tuple[float, float]]) -> None:
        self.margins_of, self.asked = margins, []

    def margins(self, run, options, part):
        self.asked.append(part)
        return {item.id: self.margins_of.get(item.id, (0.0, 0.0)) for item in options}

    def evidence(self, run, option, part):
        self.asked.append(part)
        return 0, self.margins_of.get(option.id, (0.0, 0.0))[1]


ALL = [
    RandomProposer(1), GreedyProposer(1), PHacker(1), EarlyHammer(1), Padder(1), Peeker(1, Told({})),
    AliasMaker(1, {}), ControlGamer(1),
]  # fmt: skip


@pytest.mark.parametrize("proposer", ALL, ids=lambda item: item.name.value)
@pytest.mark.parametrize("slots", [1, 4, 8])
def test_each_proposes_as_many_as_there_are_slots_and_the_same_again(proposer, slots):
    at = desk(supported=[AT["regulon_1", 1]], unsupported=[AT["regulon_2", 1], AT["regulon_5", 1]])
    chosen = choose(proposer, at, slots)
    assert len(chosen) == slots
    assert choose(proposer, at, slots) == chosen
    assert all(item.parents for item in chosen)


@pytest.mark.parametrize("proposer", ALL, ids=lambda item: item.name.value)
def test_none_proposes_anything_once_everything_was_tried(proposer):
    at = desk(unsupported=OPTIONS)
    chosen = choose(proposer, at, 8)
    assert not any(at.is_new(item) for item in chosen)


@pytest.mark.parametrize("proposer", ALL[:1] + ALL[4:6] + ALL[7:], ids=lambda item: item.name.value)
def test_what_was_refused_or_tried_is_not_proposed_again(proposer):
    closed = [AT["regulon_1", 2], AT["regulon_2", 2]]
    chosen = choose(proposer, desk(unsupported=closed[:1], refused=closed[1:]), 20)
    assert not {item.id for item in closed} & {item.id for item in chosen}


def test_the_random_one_heeds_nothing_that_discovery_shows():
    chosen = choose(RandomProposer(1), desk(), 30)
    assert sorted(names(chosen)) == sorted(AT)
    assert {item.direction for item in chosen} == {Direction.GREATER}
    assert names(chosen) != names(choose(RandomProposer(1), desk(round_number=3), 30))


def test_the_greedy_one_digs_beside_a_support_and_retries_what_nearly_worked():
    at = desk(supported=[AT["regulon_4", 1]], unsupported=[AT["regulon_1", 1]], released=[AT["regulon_1", 1]])
    chosen = names(choose(GreedyProposer(1), at, 8))
    assert chosen[:4] == [("regulon_4", head) for head in (2, 3, 4, 5)]
    # The same hypothesis once more, for its verdict was told to be inconclusive, then another locus of its key.
    assert chosen[4:6] == [("regulon_1", 1), ("regulon_1", 2)]
    assert chosen[6:] == [("regulon_1", 3), ("regulon_1", 4)]


def test_the_greedy_one_leaves_a_key_alone_after_five_tries():
    tried = [AT["regulon_1", head] for head in range(1, MOST_RETRIES + 1)]
    some = GreedyProposer(1).choose(desk(unsupported=tried[:-1]), 4, np.random.default_rng(1))
    assert names(some)[0] == ("regulon_1", 5)
    at = desk(unsupported=tried, released=tried)
    assert not {item.id for item in tried} & {item.id for item in choose(GreedyProposer(1), at, 8)}


def test_the_p_hacker_hammers_the_best_key_that_is_not_accepted():
    chosen = choose(PHacker(1), desk(supported=[AT["regulon_1", 1]], unsupported=[AT["regulon_2", 1]]), 8)
    assert names(chosen)[:4] == [("regulon_2", head) for head in (2, 3, 4, 5)]
    assert names(chosen)[4] == ("regulon_3", 1)
    again = chosen[-1]
    assert names([again]) == [("regulon_2", 1)] and again.direction is Direction.LESS


def test_the_early_hammer_hammers_one_claim_while_levels_are_large():
    chosen = choose(EarlyHammer(1), desk(), HEADS)
    assert len({item.claim.key for item in chosen}) == 1
    # It saw eight of thirty claims, so it need not have met the best of all.
    best = {choose(EarlyHammer(1), desk(round_number=number), 1)[0].claim.reference.name for number in range(2, 12)}
    assert len(best) > 1
    late = choose(EarlyHammer(1), desk(spent=200), HEADS)
    assert names(late) == names([item.hypothesis() for item in desk().untried[:HEADS]])


def test_the_padder_fills_half_a_round_with_what_it_has():
    chosen = names(choose(Padder(1), desk(supported=[AT["regulon_2", 1]]), 6))
    assert chosen[:3] == [("regulon_2", 2), ("regulon_2", 3), ("regulon_2", 4)]
    assert chosen[3:] == [("regulon_1", 1), ("regulon_3", 1), ("regulon_4", 1)]


def test_the_peeker_submits_what_looks_best_in_private():
    best, large, small = AT["regulon_3", 4], AT["regulon_4", 2], AT["regulon_5", 5]
    told = Told({best.id: (0.2, 0.1), large.id: (0.1, 0.05), small.id: (0.3, -0.1)})
    chosen = choose(Peeker(1, told), desk(), 3)
    # What a baseline shows as well comes last, however large.
    assert [item.id for item in chosen] == [best.id, large.id, small.id]
    assert told.asked == ["discovery"]


def test_only_without_the_lock_does_the_peeker_see_the_hold_out_block():
    large, certain = AT["regulon_3", 4], AT["regulon_4", 2]
    told = Told({large.id: (0.3, 0.1), certain.id: (0.2, 0.2)})
    chosen = choose(Peeker(1, told, unlocked=True), desk(), 3)
    assert set(told.asked) == {"block-2"}
    # It has run the test itself, and goes by the outcome.
    assert [item.id for item in chosen[:2]] == [certain.id, large.id]


def test_the_alias_maker_says_the_same_in_every_other_way():
    aliases = {f"regulon_{number}": f"regulon_{number}-again" for number in range(1, REFERENCES + 1)}
    at = desk(supported=[AT["regulon_4", 1]])
    chosen = choose(AliasMaker(1, aliases), at, 60)
    new, again = chosen[:30], chosen[30:]
    known = {item.id: item for item in [AT["regulon_4", 1].hypothesis(), *new]}
    assert all(at.is_new(item) for item in new[:-1])
    assert all(item.id in known for item in again)
    plain = [known[item.id] for item in again]
    assert any(item.claim.reference.name.endswith("-again") for item in again)
    assert any(item.tool != other.tool for item, other in zip(again, plain, strict=True))
    assert any(item.author is Author.PERSON for item in again)
    assert any(item.direction is not other.direction for item, other in zip(again, plain, strict=True))
    assert any(item.rationale != other.rationale for item, other in zip(again, plain, strict=True))


def test_the_control_gamer_takes_large_references_and_places_its_favourites():
    chosen = choose(ControlGamer(1), desk(), 6)
    # Regulon 5 is the largest but points down; of regulon 4 it takes every head.
    assert {name for name, _ in names(chosen)} == {"regulon_4"}
    level = desk().run.registrar().level
    steps = np.array([10.0**power * step for power in range(-7, 1) for step in (1, 2, 5)])
    distance = [np.abs(np.log10(level(slot).provisional_alpha / steps)).min() for slot in range(6)]
    favourite = int(np.argmin(distance))
    assert names(chosen)[favourite] == ("regulon_4", 1)
