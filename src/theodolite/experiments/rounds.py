"""The steps of a round, each idempotent: what the ledger already holds is never done or paid for again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from theodolite.claims import Hypothesis, ReviewerCap
from theodolite.data.rulers import Ruler
from theodolite.experiments.approvals import approval_caps
from theodolite.experiments.control_variants import control_cap
from theodolite.experiments.controls import Controls
from theodolite.experiments.dossiers import dossier_of
from theodolite.experiments.invalidating import turn_recorded
from theodolite.experiments.jobs import JobOutcome, JobSpec
from theodolite.experiments.journal import Event
from theodolite.experiments.proposals import block_of_round, of_people_alone
from theodolite.experiments.registration import Refusal, Registrar, block_spent
from theodolite.experiments.results import unsound
from theodolite.experiments.standing import cap_of, is_advisory_now
from theodolite.experiments.wording import claim_text
from theodolite.gates import Place, judge, settle, settle_failure, spends
from theodolite.judgements import Judgement, Review
from theodolite.plans import Plan
from theodolite.store import (
    EntryKind,
    StopReason,
    block_supports,
    block_use,
    entry_id,
    hypothesis_rows,
    registered_count,
    round_count,
    slots_of_round,
    stream_use,
)
from theodolite.tools import get_tool

__all__ = ["CampaignRun"]


class CampaignRun(Controls):
    """A campaign on its ledger. Methods are called by the loop in the order of the design; all may be repeated."""

    def propose(
        self, round_number: int, slot: int, hypothesis: Hypothesis, beside: Mapping[str, Any] | None = None
    ) -> None:
        """Write a hypothesis as a row, before anything is decided about it; ``beside`` says whose it is."""
        named = hypothesis.claim.reference.name
        title = self.setting.references[named].title if named in self.setting.references else named
        self._put(
            EntryKind.HYPOTHESIS,
            self.subject(round_number, slot),
            {
                "hypothesis": hypothesis.model_dump(mode="json"),
                "hypothesis_id": hypothesis.id,
                "claim_key": hypothesis.claim.key,
                "family": hypothesis.tool.partition("@")[0],
                "claim_text": claim_text(hypothesis.claim, hypothesis.locus, hypothesis.direction, title),
                "round": round_number,
                "slot": slot,
                **(beside or {}),
            },
            round_number,
            slot,
        )

    def proposed(self, round_number: int) -> dict[int, Hypothesis]:
        """Return the hypotheses of a round by slot."""
        slots = slots_of_round(self.ledger, self.setting.campaign_id, round_number)
        entries = {slot: self._entry(EntryKind.HYPOTHESIS, round_number, slot) for slot in slots}
        return {
            slot: self._parse(Hypothesis, entry, "hypothesis") for slot, entry in entries.items() if entry is not None
        }

    def proposals_complete(self, round_number: int) -> bool:
        """Return whether the round has gone past proposing: something of it is registered or refused."""
        slots = self.proposed(round_number)
        decided = (EntryKind.REGISTRATION, EntryKind.REFUSAL)
        return any(self._has(kind, round_number, slot) for slot in slots for kind in decided)

    def register(self, round_number: int) -> None:
        """Lock a plan or write a refusal for every slot of the round, in order."""
        registrar = self.registrar(round_number)
        slots = self.proposed(round_number)
        earlier = 0
        for done, (slot, hypothesis) in enumerate(sorted(slots.items())):
            self.notify(Event("register", done, len(slots), hypothesis.claim.reference.name))
            if self.plan(round_number, slot) is not None:
                earlier += 1
                continue
            if self._has(EntryKind.REFUSAL, round_number, slot):
                continue
            answer = registrar.register(hypothesis, round_number=round_number, slot=slot, earlier=earlier)
            if isinstance(answer, Refusal):
                payload: dict[str, Any] = {
                    "hypothesis_id": hypothesis.id,
                    "claim_key": hypothesis.claim.key,
                    "code": answer.code,
                    "reason": answer.reason,
                }
                self._put(EntryKind.REFUSAL, self.subject(round_number, slot), payload, round_number, slot)
            else:
                payload = {"plan": answer.model_dump(mode="json"), "prereg_sha256": answer.sha256}
                self._put(EntryKind.REGISTRATION, self.subject(round_number, slot), payload, round_number, slot)
                earlier += 1
        self.notify(Event("register", len(slots), len(slots)))

    def plan(self, round_number: int, slot: int) -> Plan | None:
        """Return the locked plan of a slot, None if it was refused."""
        entry = self._entry(EntryKind.REGISTRATION, round_number, slot)
        return self._parse(Plan, entry, "plan") if entry is not None else None

    def plans(self, round_number: int) -> dict[int, Plan]:
        """Return the locked plans of a round by slot, in order."""
        found = {slot: self.plan(round_number, slot) for slot in sorted(self.proposed(round_number))}
        return {slot: plan for slot, plan in found.items() if plan is not None}

    def review(self, round_number: int, slot: int, review: Review) -> None:
        """Write a review of either stage."""
        kind = EntryKind.PLAN_REVIEW if review.stage == 1 else EntryKind.RECORD_REVIEW
        self._put(kind, self.subject(round_number, slot), review.model_dump(mode="json"), round_number, slot)

    def reviewed(self, stage: int, round_number: int, slot: int) -> Review | None:
        """Return the review of a stage, if there is one."""
        kind = EntryKind.PLAN_REVIEW if stage == 1 else EntryKind.RECORD_REVIEW
        entry = self._entry(kind, round_number, slot)
        return self._parse(Review, entry) if entry is not None else None

    def run_jobs(self, round_number: int) -> None:
        """Run the jobs of every plan of the round; a job that fails leaves a failure row."""
        plans = self.plans(round_number)
        jobs = {
            slot: self._jobs_of(plan)
            for slot, plan in plans.items()
            if not (self._has(EntryKind.RESULT, round_number, slot) or self._has(EntryKind.FAILURE, round_number, slot))
        }
        # All of them are in flight; what they give is taken in slot order, whichever ended first.
        outcomes = self._runner.submit([job for mine in jobs.values() for job in mine.values()])
        for done, (slot, plan) in enumerate(plans.items()):
            self.notify(Event("measure", done, len(plans), plan.claim_text))
            if slot in jobs:
                ended = {name: next(outcomes) for name in jobs[slot]}
                self._take_in(round_number, slot, plan, jobs[slot], ended)
        self.notify(Event("measure", len(plans), len(plans)))
        self.run_controls(round_number, plans, {slot: self.reviewed(1, round_number, slot) for slot in plans})

    def _jobs_of(self, plan: Plan) -> dict[str, JobSpec]:
        """Return the jobs of a plan by the names in its result; none where the instrument here is another."""
        if self._replaced(plan) is not None:
            return {}
        tool = get_tool(plan.hypothesis.tool.partition("@")[0])
        block = plan.block.id.rpartition("/")[2]
        return {name: self._tool_job(tool, params, block, variant) for name, (variant, params) in plan.readings.items()}

    def _take_in(
        self, round_number: int, slot: int, plan: Plan, jobs: Mapping[str, JobSpec], ended: Mapping[str, JobOutcome]
    ) -> None:
        """Write the result of a slot, or its failure with whatever was measured all the same."""
        subject = self.subject(round_number, slot)
        self.ledger.ops.record_timings(subject, {f"measure {name}": outcome.seconds for name, outcome in ended.items()})
        payload: dict[str, Any] = {
            "prereg_sha256": plan.sha256,
            "jobs": {name: job.sha256 for name, job in jobs.items()},
            "measurements": {
                name: self.ledger.artefacts.put(self._content(outcome))
                for name, outcome in ended.items()
                if outcome.status == "done"
            },
        }
        failed = (outcome for outcome in ended.values() if outcome.status != "done")
        failure = self._replaced(plan) or next(failed, None)
        if failure is None:
            self._put(EntryKind.RESULT, subject, payload, round_number, slot)
            return
        said = {"phase": "measure", "code": failure.status, "reason": failure.reason, "observed": False}
        self._put(EntryKind.FAILURE, subject, {**payload, **said}, round_number, slot)

    def judge(self, round_number: int) -> None:
        """Let the gates judge every result of the round; levels are settled later, at record."""
        plans = self.plans(round_number)
        for done, (slot, plan) in enumerate(plans.items()):
            self.notify(Event("judge", done, len(plans), plan.claim_text))
            result = self._entry(EntryKind.RESULT, round_number, slot)
            if result is None or self._has(EntryKind.JUDGEMENT, round_number, slot):
                continue
            reference = self.setting.references[plan.hypothesis.claim.reference.name]
            members = reference if isinstance(reference, Ruler) else reference.member_set
            same = result.payload["prereg_sha256"] == plan.sha256
            judgement = judge(
                plan, dossier_of(self.ledger, plan, result.payload["measurements"], members, provenance_ok=same)
            )
            self._put(
                EntryKind.JUDGEMENT,
                self.subject(round_number, slot),
                {"prereg_sha256": plan.sha256, "judgement": judgement.model_dump(mode="json")},
                round_number,
                slot,
            )
        self.notify(Event("judge", len(plans), len(plans)))

    def judgement(self, round_number: int, slot: int) -> Judgement | None:
        """Return the judgement of a slot, None if it failed."""
        entry = self._entry(EntryKind.JUDGEMENT, round_number, slot)
        return self._parse(Judgement, entry, "judgement") if entry is not None else None

    def result_prereg(self, round_number: int, slot: int) -> str | None:
        """Return the pre-registration hash that a slot's result names."""
        entry = self._entry(EntryKind.RESULT, round_number, slot)
        return str(entry.payload["prereg_sha256"]) if entry is not None else None

    def record(self, round_number: int) -> None:
        """Settle levels and verdicts in registration order and write them: all of the round, or none."""
        advisory = cache(partial(is_advisory_now, self.ledger, campaign=self.setting.campaign_id))
        # It takes milliseconds, and is of no use in part: a full disk or a sudden end leaves all verdicts or none.
        with self.ledger.batch():
            for slot, plan in self.plans(round_number).items():
                subject = self.subject(round_number, slot)
                if self._has(EntryKind.VERDICT, round_number, slot):
                    continue
                judgement = self.judgement(round_number, slot)
                failure = self._entry(EntryKind.FAILURE, round_number, slot)
                observed = spends(judgement) if judgement is not None else bool(failure and failure.payload["observed"])
                place = self._place(plan, observed=observed)
                if judgement is None:
                    settlement = settle_failure(plan, place, unsound=unsound(failure))
                else:
                    second = self.reviewed(2, round_number, slot)
                    advised = second is not None and advisory(second.reviewer)
                    held = cap_of(second, advisory=advised, binding=self._binding(round_number, slot))
                    settlement = settle(
                        plan,
                        judgement,
                        place,
                        cap=held.cap,
                        block_reused=plan.block.reused,
                        advisory=held.advisory,
                    )
                self._put(
                    EntryKind.VERDICT,
                    subject,
                    {
                        "prereg_sha256": plan.sha256,
                        "hypothesis_id": plan.hypothesis.id,
                        "claim_key": plan.hypothesis.claim.key,
                        "settlement": settlement.model_dump(mode="json"),
                    },
                    round_number,
                    slot,
                )
                turn_recorded(self.ledger, subject)

    def _binding(self, round_number: int, slot: int) -> list[ReviewerCap]:
        """Return the caps that bind whoever reviewed: of controls that were ordered, and of people."""
        people = approval_caps(self.ledger, self.setting.campaign_id, round_number, slot)
        return [control_cap(entry.payload) for entry in self.controls(round_number, slot)] + people

    def _place(self, plan: Plan, *, observed: bool) -> Place:
        spent, supported = stream_use(self.ledger, plan.level.stream)
        # Bits are returned at the end of a round: what this round found, its own claims could not know.
        tests, supports = block_use(self.ledger, plan.block.id, unknown_to=(plan.campaign, plan.round))
        return Place(
            t=spent + 1 if observed else None,
            supports_before=supported,
            block_tests=tests + 1,
            block_supports=supports,
        )

    def close_round(self, round_number: int) -> None:
        """Tell agents one bit a claim, and retire the block if its supports are used up.

        In strict mode the first round with a support does; in economy mode the round that reaches the locked number.
        """
        campaign = self.setting.campaign_id
        name = f"r{round_number:02d}"
        if self.ledger.has(entry_id(campaign, EntryKind.ROUND, name=name)):
            return
        block, stream = self.setting.split.block_id(self.block), self.setting.spec.error.stream
        bits: dict[str, bool] = {}
        for slot, plan in self.plans(round_number).items():
            block, stream = plan.block.id, plan.level.stream
            verdict = self._entry(EntryKind.VERDICT, round_number, slot)
            if verdict is not None:
                bits[plan.hypothesis.id] = verdict.payload["settlement"]["verdict"] == "supported"
        spent, supported = stream_use(self.ledger, stream)
        on_block = block_supports(self.ledger, block)
        most = self.setting.spec.error.supports_per_block or 1
        self._put(
            EntryKind.ROUND,
            campaign,
            {
                "round": round_number,
                "bits": bits,
                "block_id": block,
                "retired": any(bits.values()) and on_block >= most,
                "stream_t": spent,
                "supports": supported,
            },
            name=name,
        )

    def barren_rounds(self) -> int:
        """Return how many of the last closed rounds, one after the other, locked no plan; rounds of people aside."""
        barren = 0
        for number in range(self.rounds_closed(), 0, -1):
            if self.plans(number):
                break
            barren += not of_people_alone(self, number)
        return barren

    def proposed_before(self, hypothesis_id: str, round_number: int, slot: int) -> bool:
        """Return whether a hypothesis was proposed in an earlier slot of this campaign."""
        campaign = self.setting.campaign_id
        return any(
            row.campaign == campaign and (row.round, row.slot) < (round_number, slot)
            for row in hypothesis_rows(self.ledger, hypothesis_id=hypothesis_id)
        )

    def rounds_closed(self) -> int:
        """Return how many rounds of this campaign are closed."""
        return round_count(self.ledger, self.setting.campaign_id)

    def registered(self) -> int:
        """Return how many hypotheses this campaign has registered: its budget used."""
        return registered_count(self.ledger, self.setting.campaign_id)

    @property
    def block(self) -> str:
        """The hold-out block in use: the first that is not spent, else the last."""
        return self._block()[0]

    def blocks_spent(self) -> bool:
        """Return whether every hold-out block is spent."""
        return self._block()[1]

    def _block(self) -> tuple[str, bool]:
        """Return the block in use, and whether it is spent; one that is spent stays so and is not asked again."""
        blocks = self.setting.split.blocks
        for name in blocks:
            if name not in self._spent and not block_spent(self.setting, self.ledger, name):
                return name, False
            self._spent.add(name)
        return blocks[-1], True

    def registrar(self, round_number: int | None = None) -> Registrar:
        """Return the registrar of a round that has its proposals; of the next round of agents where none is given."""
        block, reused = self._block() if round_number is None else block_of_round(self, round_number)
        return Registrar(self.setting, self.ledger, self.power, block, reused=reused)

    def stop(self, reason: StopReason | str, detail: str) -> None:
        """Write why the campaign stopped, from the closed list of final reasons; the first reason stands.

        Raises
        ------
        ValueError
            If the reason is not on the list, or is one after which a campaign goes on.
        """
        why = StopReason(reason)
        if not why.final:
            raise ValueError(f"a campaign that is {why.value!r} goes on with the same command; nothing is written")
        if self.stopped() is None:
            self._put(EntryKind.STOP, self.setting.campaign_id, {"reason": why.value, "detail": detail})

    def stopped(self) -> str | None:
        """Return why the campaign stopped, None if it has not."""
        entry = self.ledger.get(entry_id(self.setting.campaign_id, EntryKind.STOP))
        return f"{entry.payload['reason']}: {entry.payload['detail']}" if entry is not None else None
