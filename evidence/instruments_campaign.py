"""Attention, geometry and ablation of one model in one campaign: 160 hypotheses on mixology cells, all references.

``theodolite run`` carries out a campaign with all eight instruments on geneformer-mini (five lung-cancer cell lines,
as in ``mixology_campaign.py``), against every collection of gene sets, pairs and regulons of the shared data. A clock
in the process that coordinates it says where the wall time goes. Then the same cells and model are tested in two
further campaigns of one round on the same 36 claims, whose references and places are drawn without a look at any
score: in one nothing is planted, in the other every claim's reference is raised at its place by twice the smallest
effect of interest, or by 4.5 null standard deviations of the block where that is more.

Criteria, written before the first run. At least 150 hypotheses are registered; at least 80 % of these pass blinded
power (G12b) and sensitivity (G7+); what is not registered for want of size or power is counted with the planner's
reasons, beforehand. Less than 5 % of the wall time is spent outside tools, model and gates. Of the claims with a spike
that passed blinded power at least 70 % are supported, over all and for each measurement shape, and of those without
none. How many claims of the campaign are supported is no criterion.

``--folder`` keeps everything: a campaign that is complete there is not run again, and its times are those noted there.
Needs real cells and references: the folder that ``THEODOLITE_SHARED_DATA`` names, or ``../shared/data``. Without them
it says so and ends. ``THEODOLITE_MINI`` names a trained model; one is trained where it does not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.arms import Drawn, Places, power, survey
from lib.mixology import theodolite, trained, verified, write_campaign
from lib.record import write_evidence
from lib.regulons import shared_data
from lib.spending import Clock, outside, seconds_of_tools, watched

from theodolite.cli.app import app
from theodolite.experiments import Setting, Workspace, load_campaign, prepare
from theodolite.reports.forecast import Forecast, forecast
from theodolite.store import EntryKind, HypothesisRow, Ledger, hypothesis_rows
from theodolite.tools import ToolParams, get_tool

EXPERIMENTS, LEAST_REGISTERED, LEAST_SENSITIVE, MOST_OUTSIDE = 160, 150, 0.80, 0.05
LEAST_FOUND, STRENGTH, STANDARD_ERRORS, SEED = 0.70, 2.0, 4.5, 1
EVIDENCE = "instruments_campaign"
SMALLEST_SET = 30
"""Members among the genes of the cells: a smaller set has no power at any level of this stream."""
REFERENCES: tuple[Any, ...] = (
    "programs",
    "hallmark",
    *({"resource": name, "min_size": SMALLEST_SET} for name in ("kegg", "reactome", "go-bp", "hpa", "panglaodb")),
    "lambert",
    "string",
    "liana",
    "trrust",
    "collectri",
)
SETS = ("geometry.axis_separation", "ablation.zero_ablation", "ablation.mean_ablation", "ablation.uniform_attention")
PAIRS = ("geometry.pair_proximity", "attention.edges")
REGULONS = ("geometry.regulator_proximity", "attention.regulation")
SPIKES = (Drawn(SETS, 16), Drawn(PAIRS, 12), Drawn(REGULONS, 8, again=True))
ARMS: Mapping[str, Mapping[str, float]] = {
    "sham": {},
    "planted": dict.fromkeys(("GeneScores", "PairScores", "BipartiteScores"), STRENGTH),
}


def run_timed(file: Path) -> dict[str, float]:
    """Run a campaign by the command line, in this process; return the seconds by what they were spent on.

    One that was broken off goes on with the same command, and the seconds of all sessions are added.
    """
    times = file.with_suffix(".times.json")
    noted: dict[str, Any] = json.loads(times.read_text(encoding="utf-8")) if times.is_file() else {"spent_s": {}}
    if not noted.get("complete"):
        clock = Clock()
        with watched(clock):
            code = app(["run", str(file), "--workers", "1"], standalone_mode=False)
        spent = Counter(noted["spent_s"]) + clock.read()
        noted = {"complete": not code, "spent_s": dict(spent)}
        times.write_text(json.dumps(noted), encoding="utf-8")
        if code:
            raise SystemExit(code)
    spent_s: dict[str, float] = noted["spent_s"]
    return spent_s


def gates_of(ledger: Ledger) -> dict[str, dict[str, bool | None]]:
    """Return for every settled slot which gates passed."""
    settled = {entry.subject: entry.payload["settlement"]["gates"] for entry in ledger.entries(kind=EntryKind.VERDICT)}
    return {subject: {gate["gate"]: gate["passed"] for gate in gates} for subject, gates in settled.items()}


def sensitive(gates: Mapping[str, bool | None]) -> bool:
    """Return whether a test was shown to have power: blinded beforehand, and on a planted effect."""
    return bool(gates.get("G12b")) and bool(gates.get("G7+"))


def counted(rows: Iterable[HypothesisRow]) -> dict[str, Any]:
    """Return verdicts and first unmet gates by family of instruments."""
    verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unmet: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        family = get_tool(row.family).family
        verdicts[family][str(row.verdict)] += 1
        unmet[family][row.first_unmet or "none"] += 1
    return {
        "verdicts": {k: dict(v) for k, v in verdicts.items()},
        "first_unmet": {k: dict(v) for k, v in unmet.items()},
    }


def beforehand(planned: Forecast) -> dict[str, Any]:
    """Return what the planner says before anything is measured: what can be tested, and why not the rest."""
    return {
        "references_not_testable": dict(Counter(kind_of(item.reason) for item in planned.not_testable)),
        "example": [f"{item.reference}: {item.reason}; {item.remedy}" for item in planned.not_testable[:1]],
        "instruments": {
            tool.tool: {
                "places": tool.loci,
                "testable_references": len(tool.detectable),
                "with_power_at_the_first_level": sum(item.worth_first for item in tool.detectable),
                "with_power_at_the_last_level": sum(item.worth_last for item in tool.detectable),
            }
            for tool in planned.tools
        },
        "levels": [planned.level_first, planned.level_last],
        "blocks": planned.blocks,
    }


def kind_of(reason: str) -> str:
    """Return a reason without its numbers."""
    return " ".join("N" if any(mark.isdigit() for mark in word) else word for word in reason.split())


def described(setting: Setting) -> dict[str, Any]:
    """Return what the campaign stands on."""
    return {
        "campaign": setting.campaign_id,
        "model": f"{setting.model.name} {setting.model.sha256[:16]}",
        "verified": setting.model.verified,
        "genes": len(setting.model.genes),
        "genes_by_part": {part: len(setting.genes(part)) for part in ("discovery", *setting.split.blocks)},
        "references": dict(Counter(reference.kind for reference in setting.references.values())),
        "round_size": setting.round_size,
    }


def readable_places(ledger: Ledger) -> Places:
    """Return the places that each instrument could read on discovery genes; ablating an idle part says nothing."""
    found: defaultdict[str, list[ToolParams]] = defaultdict(list)
    for entry in ledger.entries(kind=EntryKind.LOOK):
        if entry.payload["status"] == "done":
            tool = get_tool(entry.payload["tool"].partition("@")[0])
            found[tool.name].append(tool.params(**entry.payload["params"]))
    return found


def outcome(row: HypothesisRow, gates: Mapping[str, bool | None]) -> dict[str, Any]:
    """Return a line of the verdict table."""
    return {
        "claim": f"{row.tool} {row.locus} {row.reference}",
        "verdict": str(row.verdict),
        "tags": list(row.tags),
        "first_unmet": row.first_unmet,
        "sensitive": sensitive(gates),
        "effect": row.effect,
        "p": row.p,
    }


def shares(arms: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of planted claims that are supported: over all, by measurement shape and by family."""
    claims = [claim for arm in arms.values() for claim in arm["claims"]]
    shapes, families = ({claim[by] for claim in claims} for by in ("shape", "family"))
    found = {"all": power(arms, *shapes)}
    found |= {shape: power(arms, shape) for shape in sorted(shapes)}
    found |= {family: power(arms, family, by="family") for family in sorted(families)}
    return {name: round(share, 3) for name, share in found.items()}


def campaign(file: Path, setting: Setting) -> tuple[dict[str, Any], Places]:
    """Run the campaign, verify its ledger, and return what came of it and which places could be read."""
    spent = run_timed(file)
    place = file.with_suffix(".theodolite")
    with Ledger.open(place / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        gates = gates_of(ledger)
        refused = Counter(entry.payload["code"] for entry in ledger.entries(kind=EntryKind.REFUSAL))
        stopped = [entry.payload["detail"] for entry in ledger.entries(kind=EntryKind.STOP)]
        jobs = ledger.ops.jobs(campaign=setting.campaign_id)
        places = readable_places(ledger)
    registered = [row for row in rows if row.prereg_sha256 is not None]
    settled = [gates.get(row.subject, {}) for row in registered]
    result = {
        "registered": len(registered),
        "refused": dict(refused),
        "stopped": stopped,
        "sensitive": sum(map(sensitive, settled)) / max(len(registered), 1),
        "passed_G12b": sum(bool(item.get("G12b")) for item in settled),
        "passed_G7+": sum(bool(item.get("G7+")) for item in settled),
        **counted(registered),
        "wall_s": round(sum(spent.values())),
        "spent_s": {name: round(seconds, 1) for name, seconds in Counter(spent).most_common()},
        "outside": round(outside(spent), 4),
        "jobs": len(jobs),
        "jobs_s": seconds_of_tools(jobs),
        "load_at_the_end": round(os.getloadavg()[0], 1),
        "rows": [outcome(row, item) for row, item in zip(registered, settled, strict=True)],
    }
    return result, places


def run_all(folder: Path, data: Path, experiments: int, spikes: Sequence[Drawn]) -> None:
    """Run the campaign and the planted arms in a folder, and write the evidence."""
    file = folder / "instruments.yaml"
    if not file.is_file():
        names = sorted((*SETS, *PAIRS, *REGULONS))
        model = trained(folder, data)
        report = json.loads((model / "training.json").read_text(encoding="utf-8"))["report"]
        verified(model, report["held_out"], data)
        write_campaign(file, model, data, REFERENCES, names, experiments)
    spec = load_campaign(file)
    workspace = Workspace.at(file.with_suffix(".theodolite"))
    setting = prepare(spec, workspace)
    planned = beforehand(forecast(setting))
    print(json.dumps(planned, indent=1), flush=True)
    found, places = campaign(file, setting)
    print(json.dumps({**found, "rows": len(found["rows"])}, indent=1), flush=True)
    theodolite("ledger", "verify", "-w", str(workspace.folder), data=data)
    total = sum(kind.claims for kind in spikes)
    budget = spec.budget.model_copy(update={"experiments": total})
    arms = survey(
        spec.model_copy(update={"name": "planted", "budget": budget}), folder, workspace.cache, ARMS, spikes, SEED,
        standard_errors=STANDARD_ERRORS, places=places,
    )  # fmt: skip
    shared = shares(arms)
    false = sum(counts["supported"] for counts in arms["sham"]["by_shape"].values())
    by_shape = {shape: shared[shape] for shape in arms["planted"]["by_shape"]}
    criteria = {
        f"at least {LEAST_REGISTERED} are registered": found["registered"] >= LEAST_REGISTERED,
        "at least 80 % pass G12b and G7+": found["sensitive"] >= LEAST_SENSITIVE,
        "less than 5 % of the wall time is outside": found["outside"] < MOST_OUTSIDE,
        "at least 70 % of the spikes are found": min(shared["all"], *by_shape.values()) >= LEAST_FOUND,
        "no claim without a spike is supported": false == 0,
    }
    result = {
        "setting": described(setting),
        "beforehand": planned,
        "campaign": found,
        "planted": {"found": shared, "sham_supported": false, "arms": arms},
        "criteria": criteria,
    }
    write_evidence(EVIDENCE, "a campaign over all instruments", result, all(criteria.values()))
    print(json.dumps(criteria, indent=1), shared, flush=True)


def main() -> None:
    """Run everything in a folder that is named, or in one that goes away."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="keep campaign and times here")
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS, help="hypotheses to register")
    options = parser.parse_args()
    data = shared_data()
    if data is None:
        print("SKIPPED: no real data; name their folder by THEODOLITE_SHARED_DATA")
        return
    os.environ["THEODOLITE_SHARED_DATA"] = str(data)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        run_all(folder, data, options.experiments, SPIKES)


if __name__ == "__main__":
    sys.exit(main())
