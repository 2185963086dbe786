"""A campaign about manifolds on its ledger: a search on discovery donors, each candidate a row; then claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

from theodolite.data import DISCOVERY
from theodolite.experiments.jobs import JobSpec
from theodolite.experiments.journal import Event, with_labels
from theodolite.experiments.looking import Look
from theodolite.experiments.manifolds.candidates import Candidate, candidates_in
from theodolite.experiments.manifolds.figures import VIEWS, figure_of
from theodolite.experiments.manifolds.registration import AnchorRegistrar, reads_ruler
from theodolite.experiments.manifolds.setting import ManifoldSetting
from theodolite.experiments.proposals import block_of_round
from theodolite.experiments.registration import Registrar
from theodolite.experiments.rounds import CampaignRun
from theodolite.gates.anchors.scores import AnchorScores, anchor_scores
from theodolite.manifolds.fitters import READS_RULER
from theodolite.measurements import AnchorLatents, load_measurement
from theodolite.plans import Plan
from theodolite.store import EntryKind, entry_id
from theodolite.tools import Tool, get_tool
from theodolite.tools.manifold import Follows, follows

__all__ = ["ManifoldRun"]

_DECIMALS = 9


class ManifoldRun(CampaignRun):
    """A campaign about manifolds; the steps of a round are those of any campaign."""

    @property
    def anchored(self) -> ManifoldSetting:
        """The setting, of anchors and rulers."""
        return cast("ManifoldSetting", self.setting)

    def open(self) -> None:
        """Write what the campaign stands on, find each baseline's best place, and search."""
        self.declare()
        self._await_turn()
        self.setting = replace(self.setting, loci=self._place_baselines())
        self.search()

    def search(self) -> list[Candidate]:
        """Try every candidate on discovery donors, each a row, and return them, best first; done once."""
        if self._found is None:
            found = sorted(self._search(), key=lambda candidate: candidate.rank)
            chosen: dict[tuple[str, str], Follows] = {}
            for candidate in found:
                if candidate.ruler is not None and candidate.score is not None:
                    chosen.setdefault((candidate.ruler, str(candidate.params.locus())), candidate.params)
            self.setting = replace(self.anchored, chosen=chosen)
            self._found = found
        return self._found

    _found: list[Candidate] | None = None

    def explore(self) -> Iterator[Look]:
        """Yield nothing: a search is no look at one place, and its rows are in the ledger."""
        self.search()
        return iter(())

    def _search(self) -> Iterator[Candidate]:
        wanted = self._wanted("main")
        new = [job for _, _, job in wanted if not self.ledger.has(self._look_id(job))]
        self._runner.submit([*new, *(job for ruler in self.anchored.references for job in self._beside_jobs(ruler))])
        for done, (params, rulers, job) in enumerate(wanted):
            self.notify(Event("search", done, len(wanted), f"{params.features} {params.locus()}, {params.fitter}"))
            identifier = self._look_id(job)
            if not self.ledger.has(identifier):
                self._try(params, rulers, job)
            yield from candidates_in(identifier, self._known(identifier).payload)
        self.notify(Event("search", len(wanted), len(wanted)))

    def _wanted(self, variant: str) -> list[tuple[Follows, tuple[str, ...], JobSpec]]:
        """Return every candidate with the rulers that its job speaks of: all, or the one that its fitter reads."""
        every = tuple(self.anchored.references)
        found = []
        for params in self.anchored.candidates():
            for rulers in [(name,) for name in every] if params.fitter in READS_RULER else [every]:
                found.append((params, rulers, self._anchor_job(params, DISCOVERY, variant, rulers[0])))
        return found

    def _anchor_job(self, params: Follows, part: str, variant: str, ruler: str) -> JobSpec:
        reads = reads_ruler(params.fitter, variant)
        given = self.ledger.artefacts.put(self.anchored.read_ruler(ruler, part, variant)) if reads else None
        plain = params.model_dump(mode="json")
        return self._job(follows.name, follows.version, follows.source_sha256, plain, part, variant, references=given)

    def _try(self, params: Follows, rulers: tuple[str, ...], job: JobSpec) -> None:
        """Write the row of a candidate."""
        outcome = next(iter(self._runner.submit([job])))
        self.ledger.ops.record_timings(job.sha256, {"search": outcome.seconds})
        payload: dict[str, Any] = {
            "job_sha256": job.sha256,
            "tool": f"{follows.name}@{follows.version}",
            "params": params.model_dump(mode="json"),
            "split": DISCOVERY,
            "measurement": None,
            "effects": {},
            "scores": {},
            "status": outcome.status,
            "reason": outcome.reason,
        }
        if outcome.status == "done":
            content = self._content(outcome)
            payload["measurement"] = self.ledger.artefacts.put(content)
            measured = load_measurement(content)
            assert isinstance(measured, AnchorLatents)
            for ruler in rulers:
                scores = self._scores(measured, ruler)
                score, own, best = scores.least, scores.both.get("donor"), self._best_beside(ruler)
                gain = None if own is None or best is None else round(own - best, _DECIMALS)
                payload["scores"][ruler] = {
                    "score": None if score is None else round(score, _DECIMALS),
                    "gain": gain,
                    "trust": round(scores.trust, _DECIMALS),
                    "both": _rounded(scores.both),
                    "within": _rounded(scores.within),
                }
                if score is not None:
                    payload["effects"][ruler] = {"effect": round(score, _DECIMALS), "n": len(measured.anchors)}
        self._put(EntryKind.LOOK, self.setting.campaign_id, payload, name=f"{job.tool}-{job.sha256[:12]}")

    def _scores(self, measured: AnchorLatents, ruler: str) -> AnchorScores:
        laid = with_labels(measured, self.anchored.ruler(ruler))
        assert isinstance(laid, AnchorLatents)
        return anchor_scores(laid, self.anchored.null_seed(ruler))

    def _beside_jobs(self, ruler: str) -> list[JobSpec]:
        first = self.anchored.candidates()[0]
        tool = get_tool(follows.name)
        jobs = []
        for variant in self.anchored.variants_for(tool):
            place = self.setting.loci.get((variant, tool.name))
            if place is not None:
                params = Follows(**cast("Any", place.params.get(ruler, first.model_dump(mode="json"))))
                jobs.append(self._anchor_job(params, DISCOVERY, variant, ruler))
        return jobs

    def _best_beside(self, ruler: str) -> float | None:
        """Return what the best baseline scores over held-out donors, each at its own best place."""
        if ruler not in self._bests:
            found = []
            for outcome in self._runner.submit(self._beside_jobs(ruler)):
                if outcome.status == "done":
                    measured = load_measurement(self._content(outcome))
                    assert isinstance(measured, AnchorLatents)
                    found.append(self._scores(measured, ruler).both.get("donor"))
            known = [value for value in found if value is not None]
            self._bests[ruler] = max(known) if known else None
        return self._bests[ruler]

    @cached_property
    def _bests(self) -> dict[str, float | None]:
        return {}

    def _best_places(self, variant: str, tool: Tool) -> dict[str, dict[str, Any]]:
        """Return by ruler the candidate with which a baseline does best; what has no features has but one."""
        untrained = variant.startswith("untrained")
        wanted = self._wanted(variant) if untrained else self._wanted(variant)[:1]
        best: dict[str, dict[str, Any]] = {}
        outcomes = self._runner.submit([job for _, _, job in wanted])
        for (params, rulers, _), outcome in zip(wanted, outcomes, strict=True):
            if outcome.status != "done":
                continue
            measured = load_measurement(self._content(outcome))
            assert isinstance(measured, AnchorLatents)
            for ruler in rulers if untrained else tuple(self.anchored.references):
                score = self._scores(measured, ruler).both.get("donor")
                if score is not None and (ruler not in best or score > best[ruler]["effect"]):
                    best[ruler] = {
                        "params": params.model_dump(mode="json"),
                        "effect": round(score, _DECIMALS),
                        "n": len(measured.anchors),
                    }
        return best

    def _jobs_of(self, plan: Plan) -> dict[str, JobSpec]:
        """Return the jobs of a plan by variant; none where the instrument here is another."""
        if self._replaced(plan) is not None:
            return {}
        block, ruler = plan.block.id.rpartition("/")[2], plan.hypothesis.claim.reference.name
        return {
            name: self._anchor_job(Follows(**cast("Any", params)), block, variant, ruler)
            for name, (variant, params) in plan.readings.items()
        }

    def judge(self, round_number: int) -> None:
        """Let the gates judge, then draw what was measured, each figure a row."""
        super().judge(round_number)
        for slot, plan in self.plans(round_number).items():
            result = self._entry(EntryKind.RESULT, round_number, slot)
            if result is None or not self._has(EntryKind.JUDGEMENT, round_number, slot):
                continue
            measured = result.payload["measurements"]["main"]
            for view in VIEWS:
                name = view.replace(" ", "-")
                if self.ledger.has(entry_id(self.setting.campaign_id, EntryKind.FIGURE, round_number, slot, name=name)):
                    continue
                laid = with_labels(
                    load_measurement(self.ledger.artefacts.get(measured)),
                    self.anchored.ruler(plan.hypothesis.claim.reference.name),
                )
                assert isinstance(laid, AnchorLatents)
                payload = {
                    "prereg_sha256": plan.sha256,
                    "title": plan.claim_text,
                    "view": view,
                    "measurement": measured,
                    "artefact": self.ledger.artefacts.put(figure_of(laid, view, plan.claim_text)),
                }
                subject = self.subject(round_number, slot)
                self._put(EntryKind.FIGURE, subject, payload, round_number, slot, name=name)

    def registrar(self, round_number: int | None = None) -> Registrar:
        """Return the registrar of a round, which knows what the search put first."""
        self.search()
        block, reused = self._block() if round_number is None else block_of_round(self, round_number)
        return AnchorRegistrar(self.setting, self.ledger, self.power, block, reused=reused)


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, _DECIMALS) for name, value in values.items()}
