from __future__ import annotations

from theodolite.claims import Verdict
from theodolite.gates import judge, settle


def test_a_planted_set_is_supported_and_a_null_is_not(make_plan, gene_world):
    plan = make_plan()
    found = judge(plan, gene_world(1.5), provenance_ok=True)
    for g in found.gates: print(g.gate, g.passed, g.number, g.threshold, g.sentence)
    s = settle(plan, found, t=1, supports_before=0, cap="none", block_reused=False)
    for g in s.gates: print(g.gate, g.passed, g.number, g.threshold, g.sentence)
    print(s)
    assert s.verdict is Verdict.SUPPORTED

def test_pair(make_plan, pair_world):
    plan = make_plan("PairScores")
    found = judge(plan, pair_world(1), provenance_ok=True)
    s = settle(plan, found, t=1, supports_before=0, cap="none", block_reused=False)
    for g in s.gates: print(g.gate, g.passed, g.number, g.threshold, g.sentence)
    print(found)
    assert s.verdict is Verdict.SUPPORTED
