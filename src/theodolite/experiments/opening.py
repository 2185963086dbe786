"""Opening a campaign: what it stands on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from theodolite.canonical import canonical_json
from theodolite.data import CONFIRMATION, DISCOVERY
from theodolite.experiments.baseline_loci import BaselineLoci
from theodolite.experiments.campaign import CampaignError
from theodolite.experiments.checking import Check, put_check, unchecked
from theodolite.experiments.describing import Describing
from theodolite.experiments.fitted_features import features_source_sha256
from theodolite.experiments.jobs import FIT_VERSION, FITS, JobSpec
from theodolite.experiments.journal import Event, StepError
from theodolite.experiments.needs import memory_conflict, size_conflict
from theodolite.experiments.runner import Runner
from theodolite.experiments.setting import Setting
from theodolite.experiments.wanted_descriptions import description_conflicts
from theodolite.experiments.workbench import fit_source_sha256
from theodolite.gates import BASELINES, DECISION_VERSION, baselines_for
from theodolite.measurements import Variant, VariantKind
from theodolite.store import EntryKind, Ledger, entry_id
from theodolite.tools import Tool, ToolError

__all__ = ["Opening", "opened_as"]

_READING = {"axes": "read the model", "features": "train dictionaries"}
"""What is done while something is fitted, in words."""


def _refit(variant: str) -> bool:
    return Variant.parse(variant).kind is VariantKind.REFITTED


def _fit_name(what: str, variant: str) -> str:
    # Axes were the only thing that was fitted, and bear the name of the variant alone.
    return variant if what == "axes" else f"{what}-{variant}"


def opened_as(setting: Setting, ledger: Ledger) -> Setting:
    """Return a setting in which its model is verified or not as it was when the campaign was opened on a ledger.

    The record beside a checkpoint may come and go; what the plans of one campaign say of its model may not change. A
    campaign that was never opened there stays as it is.
    """
    opened = ledger.get(entry_id(setting.campaign_id, EntryKind.CAMPAIGN))
    if opened is None:
        return setting
    verified = not opened.payload.get("unverified_model", False)
    return replace(setting, model=replace(setting.model, verified=verified))


class Opening(Describing):
    """Writes the setting of a campaign; every method may be repeated."""

    def __init__(
        self,
        setting: Setting,
        ledger: Ledger,
        runner: Runner,
        notify: Callable[[Event], None] | None = None,
        *,
        check: Check | None = None,
    ) -> None:
        super().__init__(setting, ledger, runner, notify)
        self._check = check
        self._spent: set[str] = set()

    def open(self) -> None:
        """Write what the campaign stands on: its file, stream and split, fits and descriptions on discovery genes.

        Raises
        ------
        StepError
            If it cannot stand on this ledger, or another campaign of its matrix comes first.
        """
        self.declare()
        self._await_turn()
        setting = self.setting
        self.setting = replace(setting, coexpressed=self._coexpress())
        self.setting = replace(self.setting, fitted={what: self._fit(what) for what in setting.fits})
        self.setting = replace(self.setting, loci=self._place_baselines())
        self.describe()

    def declare(self) -> None:
        """Write the part of the opening that runs nothing of the model: file, stream and split.

        From here on the campaign counts as open: what other campaigns test later, its file could not have known.
        """
        self._lock_split()
        self._lock_stream()
        self._check_tools()
        # Another coordinator may be opening a campaign on some of the same genes at this very moment.
        with self.ledger.one_at_a_time():
            self._lock_split()
            self.setting = opened_as(self.setting, self.ledger)
            self._check_conflicts()
            self._write_campaign()

    def _check_conflicts(self) -> None:
        """Refuse what cannot fit and what cannot be described.

        A campaign that was opened before goes on: what there is of it may be all it needs.
        """
        if self.ledger.has(entry_id(self.setting.campaign_id, EntryKind.CAMPAIGN)):
            return
        for conflict in (size_conflict(self.setting), memory_conflict(self.setting)):
            if conflict is not None:
                raise CampaignError(conflict)
        if conflicts := description_conflicts(self.setting):
            raise CampaignError("; ".join(conflicts))

    def _write_campaign(self) -> None:
        """Write the campaign's own row and that of its split; where they are there, they must say the same."""
        setting, spec = self.setting, self.setting.spec
        campaign = setting.campaign_id
        testable = setting.testability(setting.split.blocks[0])
        self._put(
            EntryKind.CAMPAIGN,
            campaign,
            {
                "name": spec.name,
                "spec": spec.words,
                "contents": setting.contents,
                "model": {"name": setting.model.name, "sha256": setting.model.sha256},
                "cells": {"name": setting.cells.name, "sha256": setting.cells.sha256},
                "references": [
                    {
                        "name": reference.id,
                        "sha256": reference.sha256,
                        "title": reference.title,
                        "kind": reference.kind,
                        "genes_in_block": testable[reference.id].in_block,
                        "families_in_block": testable[reference.id].families,
                        "testable": testable[reference.id].testable,
                    }
                    for reference in setting.references.values()
                ],
                "artefact": self.ledger.artefacts.put(setting.references_document),
                "catalogue": setting.catalogue,
                "decision": DECISION_VERSION,
                "seed": spec.seed,
                **({} if setting.model.verified else {"unverified_model": True}),
                **self._prompts(),
                **self._matrix(),
            },
        )
        self._put(
            EntryKind.SPLIT,
            campaign,
            {
                "split_sha256": setting.split.sha256,
                "block_id": setting.split.block_id(setting.split.blocks[0]),
                "blocks": [setting.split.block_id(block) for block in setting.split.blocks],
                "k": setting.split.k,
                "seed": spec.split.seed,
                "discovery_genes": len(setting.genes(DISCOVERY)),
                "confirmation_genes": len(setting.genes(CONFIRMATION)),
                "artefact": self.ledger.artefacts.put(setting.split_document),
                **({} if spec.split.over is None else {"over": spec.split.over}),
            },
        )

    def _matrix(self) -> dict[str, Any]:
        """Return what the campaign's row says of its matrix; what it was first opened as stands."""
        recorded = self.ledger.get(entry_id(self.setting.campaign_id, EntryKind.CAMPAIGN))
        matrix = self.setting.matrix if recorded is None else recorded.payload.get("matrix")
        return {} if matrix is None else {"matrix": matrix}

    def _await_turn(self) -> None:
        """Refuse to run before the earlier campaigns of the same matrix are complete.

        All of them were opened before the first test, so that blocks stay fresh across them. Who could choose the next
        one by what the tests before it found would choose what is tested.
        """
        mine = self._matrix().get("matrix")
        if mine is None:
            return
        for entry in self.ledger.entries(kind=EntryKind.CAMPAIGN):
            other = entry.payload.get("matrix")
            if other is None or other["sha256"] != mine["sha256"] or other["place"] >= mine["place"]:
                continue
            if not self.ledger.has(entry_id(entry.subject, EntryKind.STOP)):
                raise StepError(
                    f"{self.setting.campaign_id} was opened as number {mine['place']} of the matrix {mine['name']!r}, "
                    f"and number {other['place']}, {entry.subject}, is not complete; run them in that order, or give "
                    "the matrix another name, which opens campaigns anew, after the tests so far"
                )

    def _prompts(self) -> dict[str, Any]:
        """Return what the campaign's row says of prompts: their hashes and their texts; nothing without a model."""
        prompts = self.setting.prompts
        if prompts is None:
            return {}
        texts = canonical_json(dict(prompts.texts)).encode()
        return {"prompt_hashes": prompts.hashes(), "prompts": self.ledger.artefacts.put(texts)}

    def _check_tools(self) -> None:
        """Check every plug-in that the ledger holds no check of; what stays unchecked is refused at registration."""
        wanted = () if self._check is None else unchecked(self.ledger, self.setting.tools)
        for done, tool in enumerate(wanted):
            assert self._check is not None
            self.notify(Event("check the tools", done, len(wanted), tool.name))
            try:
                put_check(self.ledger, self._check(tool))
            except ToolError as error:
                raise StepError(f"{error}; correct the plug-in, or leave {tool.name} out of `tools:`") from error
            self.notify(Event("check the tools", done + 1, len(wanted), tool.name))

    def _lock_split(self) -> None:
        """Refuse a split that would make hold-out genes of this ledger fresh, or test genes that were explored.

        Raises
        ------
        StepError
            If the ledger holds another split over any of the same genes.
        """
        spec = self.setting.spec.split
        mine = set(self.setting.genes(DISCOVERY)) | set(self.setting.genes(CONFIRMATION))
        for entry in self.ledger.entries(kind=EntryKind.SPLIT):
            if entry.payload["split_sha256"] == self.setting.split.sha256:
                continue
            parts = json.loads(self.ledger.artefacts.get(str(entry.payload["artefact"])))["parts"]
            shared = mine.intersection(gene for genes in parts.values() for gene in genes)
            if shared:
                over, blocks = entry.payload.get("over"), entry.payload["k"]
                same = "the same cells" if over is None else "the same family table"
                cut = f"seed: {entry.payload['seed']}" + ("" if over is None else f", over: {over}")
                if (spec.over, spec.seed) == (over, entry.payload["seed"]):
                    cut += f", blocks: {blocks}"
                if self.setting.spec.manifold is not None:
                    raise StepError(
                        f"this ledger's donors were split with seed {entry.payload['seed']} for {entry.subject}, and "
                        f"{len(shared)} of them would change sides; use the same cells and `split: {{{cut}}}`, or "
                        "another workspace"
                    )
                raise StepError(
                    f"this ledger's genes were split with seed {entry.payload['seed']} for {entry.subject}, and "
                    f"{len(shared)} of them would change sides; use {same} and `split: {{{cut}}}`, or another "
                    "workspace (where several cell sets are to share one, every file says `split: {over: families}`)"
                )

    def _lock_stream(self) -> None:
        spec = self.setting.spec
        locked = {"rule": "e-lond", "q": spec.error.q, "n_max": spec.n_max}
        for stream in (spec.error.stream, f"{spec.error.stream}/reused"):
            recorded = next(iter(self.ledger.entries(kind=EntryKind.STREAM, subject=stream)), None)
            if recorded is None:
                self.ledger.append(EntryKind.STREAM, f"stream/{stream}", stream, {"stream": stream, **locked})
                continue
            for field, value in locked.items():
                # r-LOND is e-LOND with p through the grid calibrator: one stream goes on under either name.
                if field != "rule" and str(recorded.payload[field]) != str(value):
                    raise StepError(
                        f"error stream {stream!r} was locked with {field} = {recorded.payload[field]}, this campaign "
                        f"asks for {value}; set error.{field} to the locked value or name another stream"
                    )

    def _fit(self, what: str) -> dict[str, str]:
        fitted: dict[str, str] = {}
        variants = self.setting.variants_of(what)
        wanted = [variant for variant in variants if not self.ledger.has(self._fit_id(what, variant))]
        self._runner.submit([self._fit_job(what, variant) for variant in wanted if not _refit(variant)])
        for done, variant in enumerate(variants):
            self.notify(Event(_READING[what], done, len(variants), variant))
            if _refit(variant) and not _refit(variants[done - 1]):
                # These are matched to the model's own, which is there by now.
                self._runner.submit([self._fit_job(what, later) for later in wanted if _refit(later)])
            fitted[variant] = self.fit_variant(what, variant)
        self.notify(Event(_READING[what], len(variants), len(variants)))
        return fitted

    def fit_variant(self, what: str, variant: str) -> str:
        """Return the artefact with a variant's axes or features, fitted on discovery genes; fitted once.

        Raises
        ------
        StepError
            If they cannot be fitted.
        """
        campaign = self.setting.campaign_id
        identifier = self._fit_id(what, variant)
        if not self.ledger.has(identifier):
            job = self._fit_job(what, variant)
            outcome = next(iter(self._runner.submit([job])))
            self.ledger.ops.record_timings(job.sha256, {"fit": outcome.seconds})
            if outcome.status != "done":
                raise StepError(f"{what} of variant {variant} could not be fitted: {outcome.reason}")
            artefact = self.ledger.artefacts.put(self._content(outcome))
            self._put(
                EntryKind.FIT,
                campaign,
                {"variant": variant, "what": what, "job_sha256": job.sha256, "artefact": artefact},
                name=_fit_name(what, variant),
            )
        return str(self._known(identifier).payload["artefact"])

    def _fit_id(self, what: str, variant: str) -> str:
        return entry_id(self.setting.campaign_id, EntryKind.FIT, name=_fit_name(what, variant))

    def _fit_job(self, what: str, variant: str) -> JobSpec:
        source = fit_source_sha256() if what == "axes" else features_source_sha256()
        matched = None
        if what == "features" and variant not in ("main", *BASELINES):
            # Other seeds, and controls that are ordered, are read where they resemble the feature of the claim most.
            matched = str(self._known(self._fit_id(what, "main")).payload["artefact"])
        return self._job(FITS[what], FIT_VERSION, source, {}, DISCOVERY, variant, matched)

    def _coexpress(self) -> dict[str, str]:
        """Write the co-expression of every part of the split, where a claim holds it fixed; return the artefacts."""
        if not self.setting.paired:
            return {}
        parts = (DISCOVERY, *self.setting.split.blocks)
        found: dict[str, str] = {}
        for done, part in enumerate(parts):
            name = f"coexpression-{part}"
            identifier = entry_id(self.setting.campaign_id, EntryKind.FIT, name=name)
            if not self.ledger.has(identifier):
                self.notify(Event("count", done, len(parts), part))
                artefact = self.ledger.artefacts.put(self.setting.coexpression(part).to_bytes())
                payload = {"variant": "counts", "what": f"co-expression of {part}", "artefact": artefact}
                self._put(EntryKind.FIT, self.setting.campaign_id, payload, name=name)
            found[part] = str(self._known(identifier).payload["artefact"])
        return found

    def _place_baselines(self) -> dict[tuple[str, str], BaselineLoci]:
        """Find where each baseline does best for each reference on discovery genes; a fit like another."""
        tools = self.setting.tools
        every = dict.fromkeys((*BASELINES, *(name for tool in tools for name in baselines_for(tool.relation))))
        wanted = [(variant, tool) for variant in every for tool in tools if variant in baselines_for(tool.relation)]
        found: dict[tuple[str, str], BaselineLoci] = {}
        for done, (variant, tool) in enumerate(wanted):
            name = f"{variant}-loci-{tool.name}"
            identifier = entry_id(self.setting.campaign_id, EntryKind.FIT, name=name)
            if not self.ledger.has(identifier):
                self.notify(Event("place the baselines", done, len(wanted), f"{variant} {tool.name}"))
                document = canonical_json(self._best_places(variant, tool)).encode()
                payload = {
                    "variant": variant,
                    "what": f"best places of {tool.name} on discovery",
                    "artefact": self.ledger.artefacts.put(document),
                }
                self._put(EntryKind.FIT, self.setting.campaign_id, payload, name=name)
            artefact = str(self._known(identifier).payload["artefact"])
            places = json.loads(self.ledger.artefacts.get(artefact))
            found[variant, tool.name] = BaselineLoci(
                artefact,
                {reference: item["params"] for reference, item in places.items()},
                {reference: float(item["effect"]) for reference, item in places.items()},
            )
        self.notify(Event("place the baselines", len(wanted), len(wanted)))
        return found

    def _best_places(self, variant: str, tool: Tool) -> dict[str, dict[str, Any]]:
        """Return by reference the parameters with the largest effect; either end of an axis will do."""
        best: dict[str, dict[str, Any]] = {}
        places = [params.model_dump(mode="json") for params in tool.params.enumerate(self.setting.model_shape)]
        jobs = [self._tool_job(tool, plain, DISCOVERY, variant) for plain in places]
        for plain, job, outcome in zip(places, jobs, self._runner.submit(jobs), strict=True):
            effects = self._effects_of(tool, job, outcome)
            for reference, (effect, n) in effects.items():
                size = abs(effect) if tool.relation.two_sided else effect
                if reference not in best or size > best[reference]["size"]:
                    best[reference] = {"params": plain, "size": size, "effect": effect, "n": n}
        return {
            name: {"params": item["params"], "effect": item["effect"], "n": item["n"]} for name, item in best.items()
        }
