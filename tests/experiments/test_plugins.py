"""A campaign with plug-ins: its file, its worker, its identity, and the check that a verdict needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from theodolite.canonical import digest
from theodolite.experiments import CampaignError, CampaignRun, LocalRunner, StepError, load_campaign, prepare
from theodolite.store import Ledger, hypothesis_rows, refusal_rows, tool_check_rows, verify
from theodolite.tools import ToolError, get_tool

pytestmark = pytest.mark.usefixtures("fresh_plugins")

DEMO_WORDS = "a5c9ea5d32f1219002ad46a17c5f7f0b33543d100a9c1d0ba93acefd31179bfe"

PLUGIN = '''
"""An instrument, references and a model of one's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from pydantic import Field
from theodolite.claims import Locus, LocusKind, Relation
from theodolite.data import Reference, load_programs, offer_references
from theodolite.measurements import GeneScores
from theodolite.models.facts import ModelFacts
from theodolite.models.registry import model_facts
from theodolite.models.offered import offer_model
from theodolite.tools import ModelShape, ToolParams, Workbench, tool

PLACES = json.loads(Path(__file__).with_name("places.json").read_text())

class Layer(ToolParams):
    layer: int = Field(ge=0, description="residual stream after this many blocks")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)

@tool(family="own", shape=GeneScores, object="first_axis", relation=Relation.SEPARATES, unit="one", version="1",
      fits=("axes",))
def first(bench: Workbench, params: Layer) -> GeneScores:
    """First axis of each gene's vector."""
    score = bench.axes(params.layer).coordinates(bench.hidden(params.layer))[:, 0]
    return GeneScores(bench.genes, score, bench.families, bench.covariate_names, bench.covariates, first.unit)

@offer_references("own-sets")
def sets() -> tuple[Reference, ...]:
    """The references of the small world."""
    return load_programs(PLACES["references"])

def facts() -> ModelFacts:
    return model_facts(PLACES["model"])

@offer_model("own-model", facts)
def model():
    """The model of the small world."""
    from theodolite.models.registry import load_model

    return load_model(PLACES["model"])
'''


@pytest.fixture
def own(small_world: Any, tmp_path: Path) -> Callable[..., Path]:
    """Write a campaign file beside its plug-in; arguments change the file."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "own_plugin.py").write_text(PLUGIN, encoding="utf-8")
    places = {"model": str(small_world.model), "references": str(small_world.folder / "references.yaml")}
    (folder / "places.json").write_text(json.dumps(places), encoding="utf-8")

    def write(**overrides: Any) -> Path:
        given = {"plugins": ["own_plugin.py"], "tools": ["own.first"], "references": "own-sets"} | overrides
        path = folder / "own.yaml"
        path.write_text(yaml.safe_dump(small_world.content("own", **given)), encoding="utf-8")
        return path

    return write


def test_tools_of_a_file_are_those_of_its_plugins_too(own: Callable[..., Path]) -> None:
    assert load_campaign(own()).tools == ("own.first",)
    with pytest.raises(CampaignError, match=r"line \d+: tools is .*no tool 'own.second'; there are .*own.first"):
        load_campaign(own(tools=["own.second"]))


def test_a_tool_whose_scores_nobody_judges_is_a_mistake_of_the_file(own: Callable[..., Path]) -> None:
    file = own()
    plugin = file.with_name("own_plugin.py")
    text = plugin.read_text(encoding="utf-8").replace("import GeneScores", "import CellScores as GeneScores")
    plugin.write_text(text, encoding="utf-8")
    with pytest.raises(CampaignError, match="own.first returns CellScores, on which no claims are judged"):
        load_campaign(file)


def test_a_plugin_that_is_not_there_is_a_mistake_of_the_file(own: Callable[..., Path]) -> None:
    with pytest.raises(CampaignError, match=r"line \d+: plugins is .*absent.py.* does not exist") as caught:
        load_campaign(own(plugins=["absent.py"]))
    assert "no tool" not in str(caught.value)


def test_places_of_plugins_enter_no_identity_and_their_content_does(
    own: Callable[..., Path], small_world: Any, tmp_path: Path
) -> None:
    workspace = small_world.workspace(tmp_path / "ledger")
    setting = prepare(load_campaign(own()), workspace)
    assert "plugins" not in setting.spec.words
    assert small_world.spec("own").words == small_world.spec("own", plugins=[]).words
    same = prepare(load_campaign(own(plugins=["../files/own_plugin.py"])), workspace)
    assert same.campaign_id == setting.campaign_id
    assert setting.contents["tools"] == digest({"own.first": ["1", get_tool("own.first").source_sha256]})
    assert Path(setting.materials().plugins[0]).is_file()


def test_a_campaign_without_plugins_is_the_campaign_that_it_was() -> None:
    """The words of the demonstration hash as they did before campaign files could name plug-ins."""
    from theodolite.experiments import CampaignSpec

    assert digest(CampaignSpec(name="pbmc-demo").words) == DEMO_WORDS


def test_a_worker_loads_the_plugins_of_its_campaign(
    own: Callable[..., Path], small_world: Any, tmp_path: Path, recorded_as: Callable[..., Any],
    go_round: Callable[..., None], make_hypothesis: Callable[..., Any],
) -> None:  # fmt: skip
    setting = prepare(load_campaign(own(model="own-model")), small_world.private_workspace(tmp_path / "ledger"))
    assert setting.model.name == "own-model"
    with (
        Ledger.open(setting.workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops) as runner,
    ):
        run = CampaignRun(setting, ledger, runner, check=recorded_as(3))
        run.open()
        place = {"kind": "layer", "layer": 0}
        go_round(run, 1, [make_hypothesis(run, "program_1", tool="own.first", locus=place)])
        (row,) = hypothesis_rows(ledger)
        assert row.verdict is not None and row.verdict != "error", row
        (check,) = tool_check_rows(ledger)
        assert (check.tool, check.passed_empty, check.fit) == ("own.first", 3, True)
    assert verify(setting.workspace.ledger).ok


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (None, "is a plug-in and this ledger holds no check of its source"),
        (40, "40 of 200 worlds without any signal passed every null at 0.05, so its error is at least 0.155"),
    ],
)
def test_a_plugin_that_is_unchecked_or_above_its_level_gets_no_verdict(
    own: Callable[..., Path], small_world: Any, tmp_path: Path, recorded_as: Callable[..., Any],
    make_hypothesis: Callable[..., Any], passed: int | None, said: str,
) -> None:  # fmt: skip
    setting = prepare(load_campaign(own()), small_world.workspace(tmp_path / "ledger"))
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        check = None if passed is None else recorded_as(passed)
        run = CampaignRun(setting, ledger, small_world.runner(setting), check=check)
        run.open()
        place = {"kind": "layer", "layer": 0}
        run.propose(1, 1, make_hypothesis(run, "program_1", tool="own.first", locus=place))
        run.register(1)
        (refusal,) = refusal_rows(ledger)
        assert refusal.code == "unfit_tool" and said in refusal.reason


def test_a_check_is_run_once_a_source_and_never_for_what_is_built_in(
    own: Callable[..., Path], small_world: Any, tmp_path: Path, recorded_as: Callable[..., Any]
) -> None:
    asked: list[str] = []

    def check(tool: Any) -> Any:
        asked.append(tool.name)
        return recorded_as(0)(tool)

    setting = prepare(
        load_campaign(own(tools=["own.first", "attention.edges"])), small_world.workspace(tmp_path / "ledger")
    )
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        for _ in range(2):
            CampaignRun(setting, ledger, small_world.runner(setting), check=check).open()
    assert asked == ["own.first"]


def test_a_plugin_that_cannot_be_checked_stops_the_campaign_before_it_begins(
    own: Callable[..., Path], small_world: Any, tmp_path: Path
) -> None:
    def check(tool: Any) -> Any:
        raise ToolError(f"{tool.name} could not measure in any of 240 worlds")

    setting = prepare(load_campaign(own()), small_world.workspace(tmp_path / "ledger"))
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        run = CampaignRun(setting, ledger, small_world.runner(setting), check=check)
        with pytest.raises(StepError, match="could not measure.*leave own.first out"):
            run.open()


MODEL_PLUGIN = '''
"""A model of one's own: the expressed genes of a cell as tokens, one attention block, no read-out."""

from dataclasses import dataclass, replace

import numpy as np

from theodolite.models.facts import ModelFacts
from theodolite.models.offered import offer_model
from theodolite.models.tokens import Tokens
from theodolite.models.vocabulary import Vocabulary

GENES = tuple({genes!r})
VOCABULARY = Vocabulary(GENES)
SHA256 = "7" * 64


def tokenise(cells):
    places = VOCABULARY.places(cells)
    rows = [places[cells.counts[[row]].indices] for row in range(len(cells.cells))]
    rows = [np.sort(row[row >= 0]) for row in rows]
    ids = np.concatenate(rows).astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Tokens(indptr, ids, ids, None, np.zeros(len(rows), dtype=np.int32))


def facts():
    return ModelFacts(
        "plain", SHA256, GENES, n_layers=1, n_heads=2, width=16, read_out=False, expects="counts",
        context=len(GENES), vocabulary=VOCABULARY, tokenise=tokenise,
    )


@dataclass(frozen=True)
class Plain:
    words: object
    name: str = "plain"
    sha256: str = SHA256
    genes: tuple = GENES
    n_layers: int = 1
    n_heads: int = 2
    width: int = 16
    context: int = len(GENES)
    pad_id: int = 0
    expects: str = "counts"
    read_out: None = None

    @property
    def device(self):
        return self.words.device

    def places(self, cells):
        return VOCABULARY.places(cells)

    def tokenise(self, cells):
        return tokenise(cells)

    def embed(self, batch):
        return self.words[batch.ids]

    def block(self, layer, hidden, batch, tap):
        from theodolite.models.attending import attend
        from theodolite.models.sites import attention

        heads = hidden.view(*hidden.shape[:2], 2, 8).transpose(1, 2)
        mixed = attend(heads, heads, heads, batch, attention(layer), tap)
        return hidden + mixed.transpose(1, 2).reshape(hidden.shape)

    def predict(self, hidden, batch):
        return hidden @ self.words.T

    def variant(self, variant):
        if variant.kind.value not in ("untrained", "random_embedding"):
            return self
        return replace(self, words=drawn(variant.seed + 1))

    def placed(self, device, dtype):
        return replace(self, words=self.words.to(device, dtype))


def drawn(seed):
    import torch

    return torch.randn(len(GENES), 16, generator=torch.Generator().manual_seed(seed))


@offer_model("plain", facts)
def plain():
    """A model of one attention block; members of the first program share a direction of its embedding."""
    words = drawn(0)
    words[[GENES.index(gene) for gene in {members!r}]] += 3.0
    return Plain(words)
'''


def test_a_model_of_another_make_is_surveyed_like_any(
    own: Callable[..., Path], small_world: Any, tmp_path: Path
) -> None:
    program = next(item for item in small_world.planted.references if item.id == "program_1")
    genes = small_world.planted.cells.genes
    file = own(plugins=["plain.py"], tools=["geometry.axis_separation", "attention.edges"], model="plain",
               references=str(small_world.folder / "references.yaml"))  # fmt: skip
    plugin = MODEL_PLUGIN.replace("{genes!r}", repr(genes)).replace("{members!r}", repr(sorted(program.genes)))
    file.with_name("plain.py").write_text(plugin, encoding="utf-8")
    workspace = small_world.private_workspace(tmp_path / "ledger")
    small_world.run_in_process(workspace, load_campaign(file))
    rows = {(row.tool, row.reference): row for row in small_world.rows(tmp_path / "ledger")}
    found = rows["geometry.axis_separation@1", "program_1"]
    assert found.verdict == "supported"
    assert "[unverified model]" in found.tags
    assert all(row.model == "plain" for row in rows.values())
