"""The campaign file: what a person writes, checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, field_validator, model_validator

from theodolite.canonical import digest
from theodolite.experiments.agents_spec import AgentsSpec
from theodolite.experiments.descriptions_spec import MEANING as DESCRIBES
from theodolite.experiments.descriptions_spec import Descriptions
from theodolite.experiments.manifold_spec import ManifoldSpec
from theodolite.experiments.reading import CampaignError, Document, read_document
from theodolite.experiments.references_spec import MEANING, References
from theodolite.models.protocol import Device, Dtype
from theodolite.records import Closed, Record
from theodolite.store import BudgetName

__all__ = [
    "MATRIX",
    "CampaignError",
    "CampaignSpec",
    "CellsSpec",
    "ErrorSpec",
    "SplitSpec",
    "checked_campaign",
    "load_campaign",
]

MATRIX = "matrix"
"""The key that makes of one file several campaigns; see ``experiments/matrix.py``."""

PACKAGED_CELLS = {"source": "pbmc", "aliases": "packaged"}
"""What a campaign file calls cells and aliases that are packaged; anything else there is a path."""

TOKENS_AN_EXPERIMENT = 150_000
LOOKS_AN_EXPERIMENT = 20
REPEATS = 20
"""Limits of a campaign with a language model whose file names none."""


class CellsSpec(Record):
    """Which cells."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"ensembl_column", "aliases", "cell_type", "condition", "perturbation", "control"}
    )

    source: str = Field(
        default="pbmc",
        description="'pbmc' (packaged), or the path of an .h5ad or 10x .h5 file, a 10x folder or a .census.yaml query",
    )
    layer: str = Field(
        default="X", description="where the counts are: 'X', 'raw', the name of a layer, or 'auto' to look for them"
    )
    species: str = Field(default="human", description="species of the cells; checked against their genes")
    gene_column: str | None = Field(
        default=None, description="column with the names of genes, or 'index'; the index where not given"
    )
    ensembl_column: str | None = Field(
        default=None, description="column with Ensembl ids of genes, or 'index'; found by its name where not given"
    )
    aliases: str | None = Field(
        default=None, description="'packaged' or the path of a table of aliases; names stay as they are where not given"
    )
    labels: tuple[str, ...] = Field(default=(), description="obs columns to keep as labels")
    donor: str | None = Field(default=None, description="obs column with donors, if there are any")
    batch: str | None = Field(default=None, description="obs column with batches, if there are any")
    cell_type: str | None = Field(default=None, description="obs column with cell types")
    condition: str | None = Field(default=None, description="obs column with conditions")
    perturbation: str | None = Field(default=None, description="obs column with perturbed genes; needs control")
    control: str | None = Field(default=None, description="value of the perturbation column of unperturbed cells")


class ErrorSpec(Closed):
    """The error stream that the campaign draws its levels from."""

    stream: str = Field(default="main", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="name of the error budget")
    q: float = Field(default=0.10, gt=0, lt=0.5, description="false-discovery rate of the whole stream")
    n_max: int | None = Field(default=None, ge=1, le=10_000, description="tests the stream is planned for")
    supports_per_block: int | None = Field(
        default=None,
        ge=1,
        le=10,
        description="economy: supports that retire a block, each making the next dearer; strict if not given",
    )


class BudgetSpec(Record):
    """How much the campaign may do; what is not given has no limit, but where a language model is named."""

    later: ClassVar[frozenset[str]] = frozenset({"job_memory_mb", "wall_time_s", "tokens", "money", "looks", "repeats"})

    experiments: int = Field(
        default=16, ge=1, le=5_000, description="hypotheses to register; of a matrix, by each campaign"
    )
    retire_after: int | None = Field(
        default=6,
        ge=1,
        description="tries of an instrument without a support after which it is left alone; null: never",
    )
    job_timeout_s: float = Field(default=600, gt=0, description="seconds after which one job is killed")
    job_memory_mb: int | None = Field(
        default=None,
        ge=64,
        le=2**40,
        description="resident memory in MiB that a worker may hold, its model included, before its job is killed",
    )
    wall_time_s: float | None = Field(
        default=None, gt=0, le=1e12, description="seconds to run, over all sessions together"
    )
    tokens: int | None = Field(default=None, ge=1, le=10**15, description="tokens of language models, in and out")
    money: float | None = Field(
        default=None, gt=0, le=1e12, description="US dollars for language models, by your price table"
    )
    looks: int | None = Field(default=None, ge=1, le=10**9, description="looks at discovery genes of a language model")
    repeats: int | None = Field(
        default=None, ge=1, le=10**9, description="actions of a language model that repeat an earlier one"
    )


class SesoiSpec(Closed):
    """Smallest effect size of interest by measurement shape, in AUROC - 0.5; 1.5 times it must be an effect too."""

    GeneScores: float = Field(default=0.20, gt=0, lt=1 / 3)
    PairScores: float = Field(default=0.10, gt=0, lt=1 / 3)
    BipartiteScores: float = Field(default=0.10, gt=0, lt=1 / 3)


class SplitSpec(Record):
    """The partition of gene families and cell units."""

    later: ClassVar[frozenset[str]] = frozenset({"over", "blocks"})

    seed: int = Field(default=1, ge=0, description="seed of the partition; one partition serves all campaigns")
    over: Literal["families"] | None = Field(
        default=None,
        description="families: all of the family table are cut, so that several cell sets share one partition; those "
        "of the cells where not given",
    )
    blocks: int | None = Field(
        default=None,
        ge=1,
        le=4,
        description="hold-out blocks; where not given, as many as leave every testable reference testable in each",
    )


class GenesSpec(Closed):
    """Which genes are surveyed of a model that reads the expressed genes of a cell; labels play no part.

    A gene that is a token of few cells has a poor mean, one of no cell none. What attention between n genes takes of
    memory grows with the square of n.
    """

    least_cells: int = Field(default=20, ge=1, description="cells in which a gene is a token, at least")
    most: int = Field(default=2_000, ge=50, le=20_000, description="genes at most, those that most cells have")


class CampaignSpec(Record):
    """A campaign: which model, which cells, which references, which budget.

    A campaign's identity is its content: the same file again continues the campaign, a changed one starts another,
    which continues the error stream and the hold-out blocks of the ledger.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {"agents", "approve", "workers", "device", "dtype", "genes", "descriptions", "manifold"}
    )

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="lower-case letters, digits and hyphens")
    seed: int = Field(default=1, ge=0, description="root of every random number of the campaign")
    plugins: tuple[str, ...] = Field(default=(), description="paths of plug-ins, .py files or folders of packages")
    model: str = Field(
        default="compact-pbmc", description="name of a packaged model or of a plug-in's, or folder of a checkpoint"
    )
    cells: CellsSpec = CellsSpec()
    references: References = Field(default="programs", description=MEANING)
    families: str = Field(
        default="packaged",
        description="'packaged', the path of a table of families or of paralogue pairs, or a resource of "
        "`theodolite data list`",
    )
    device: Device | None = Field(
        default=None,
        description="where the model runs: auto (a GPU where there is one), cpu (if absent), cuda or mps",
    )
    dtype: Dtype | None = Field(
        default=None, description="floating-point type that the model runs in: float32, float16 or bfloat16"
    )
    genes: GenesSpec | None = Field(
        default=None, description="which genes are surveyed, of a model that reads the expressed genes of a cell"
    )
    manifold: ManifoldSpec | None = Field(
        default=None,
        description="a campaign about manifolds of cells: anchors, rulers and what is searched, in place of references "
        "and tools (docs/instruments/manifold.md)",
    )
    tools: tuple[str, ...] = Field(
        default=("geometry.axis_separation", "geometry.pair_proximity", "attention.edges"), min_length=1
    )
    descriptions: Descriptions | None = Field(default=None, description=DESCRIBES)
    budget: BudgetSpec = BudgetSpec()
    round_size: int | None = Field(default=None, ge=1, description="slots a round; budget / blocks where not given")
    error: ErrorSpec = ErrorSpec()
    split: SplitSpec = SplitSpec()
    sesoi: SesoiSpec = SesoiSpec()
    spent_blocks: Literal["continue", "stop"] = Field(
        default="continue", description="when no fresh hold-out block is left: go on, tagged, or stop"
    )
    threads: int = Field(default=2, ge=1, le=256, description="torch threads of a worker")
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="worker processes; where not given one a GPU, else the cores divided by threads. No row depends on "
        "it, and the campaign is the same with another number",
    )
    agents: AgentsSpec | None = Field(
        default=None, description="language models; the offline planner and reviewer else"
    )
    approve: Literal["registrations", "verdicts", "both"] | None = Field(
        default=None, description="what people approve before it goes on"
    )

    _folder: Path = PrivateAttr(default=Path())

    @field_validator("plugins")
    @classmethod
    def _load_plugins(cls, places: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from theodolite.plugins import load_plugin

        for place in places:
            load_plugin((info.context or {}).get("folder", Path()) / Path(place).expanduser())
        return places

    @model_validator(mode="before")
    @classmethod
    def _of_anchors(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("manifold") is None:
            return given
        unused = ("references", "families", "descriptions", "sesoi", "agents", "approve")
        if said := [key for key in unused if key in given]:
            raise ValueError(
                f"a campaign about manifolds takes no {', '.join(said)}: rulers stand in place of references, and "
                "language models have no part in it yet; leave it out"
            )
        return {"tools": ("manifold.follows",), **given}

    @field_validator("tools")
    @classmethod
    def _known_tools(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from theodolite.plugins import find_tool

        of_cells = info.data.get("manifold") is not None
        # What is wrong with plug-ins or anchors is said of them, and not of the tools that need them.
        for name in names if {"plugins", "manifold"} <= set(info.data) else ():
            try:
                shape = find_tool(name).shape.shape
                if find_tool(name).relation.of_cells is not of_cells:
                    raise ValueError(
                        f"{name} reads {'genes, and this campaign is about anchors' if of_cells else 'anchors'}; "
                        + ("leave `tools:` out" if of_cells else "say which under `manifold:`, and leave `tools:` out")
                    )
                if of_cells:
                    continue
            except KeyError as error:
                raise ValueError(error.args[0]) from None
            if shape not in SesoiSpec.model_fields:
                judged = ", ".join(SesoiSpec.model_fields)
                raise ValueError(f"{name} returns {shape}, on which no claims are judged; there are nulls for {judged}")
        if len(set(names)) != len(names):
            raise ValueError(f"tools are listed twice in {list(names)!r}")
        return names

    @field_validator("descriptions")
    @classmethod
    def _each_once(cls, items: Descriptions | None) -> Descriptions | None:
        for place, item in enumerate(items or ()):
            if items is not None and item in items[:place]:
                raise ValueError(f"{item.name} is listed twice with the same references and parameters; delete one")
        # An empty list asks for nothing, as no list does.
        return items or None

    @property
    def n_max(self) -> int:
        """Tests the error stream is planned for: as given, or ten times the budget, at most 10,000."""
        return self.error.n_max or min(10 * self.budget.experiments, 10_000)

    def place(self, value: str) -> str:
        """Return a name of something packaged as it is, and a path as seen from the folder of the campaign file."""
        beside = self._folder / value
        return str(beside) if beside.exists() else value

    @property
    def placed_cells(self) -> CellsSpec:
        """The cells, with their paths as seen from here."""
        given = {name: getattr(self.cells, name) for name in PACKAGED_CELLS}
        paths = {name: path for name, path in given.items() if path not in (None, PACKAGED_CELLS[name])}
        return self.cells.model_copy(update={name: self.place(path) for name, path in paths.items()})

    @property
    def folder(self) -> Path:
        """Folder of the campaign file, which its paths are relative to."""
        return self._folder

    def in_folder(self, folder: Path) -> CampaignSpec:
        """Return the campaign with its paths taken as relative to a folder."""
        placed = self.model_copy()
        placed._folder = folder
        return placed

    def campaign_id(self, contents: dict[str, str]) -> str:
        """Return the id: the name and a prefix of the hash of the file and of what it points at.

        Parameters
        ----------
        contents
            Names and content hashes of model, cells, families and references. They stand for the places of these, so
            that a changed input is another campaign and a moved one is not.
        """
        return f"{self.name}-{digest([self.words, contents])[:8]}"

    @property
    def words(self) -> dict[str, Any]:
        """The file as plain data without the places of its inputs, for which their content hashes stand.

        The number of workers is left out too: nothing that is recorded depends on it.
        """
        words = self.model_dump(mode="json", exclude={"model", "references", "families", "plugins", "workers"})
        # What a table of aliases does shows in the content of the cells.
        del words["cells"]["source"]
        words["cells"].pop("aliases", None)
        if self.agents is not None:
            words["agents"].pop("prompts", None)
        return words

    @property
    def prompts_folder(self) -> Path | None:
        """Folder with prompts of the campaign's own, None for the packaged ones."""
        own = None if self.agents is None else self.agents.prompts
        return None if own is None else Path(self.place(own))

    def limit(self, budget: BudgetName) -> float | None:
        """Return how much of something the campaign may spend, None for no limit.

        A campaign with a language model has limits of tokens, looks and repeats also where its file names none.
        """
        given = getattr(self.budget, "wall_time_s" if budget == "wall_time" else budget)
        if given is not None or self.agents is None:
            return None if given is None else float(given)
        return {
            "tokens": float(TOKENS_AN_EXPERIMENT * self.budget.experiments),
            "looks": float(LOOKS_AN_EXPERIMENT * self.budget.experiments),
            "repeats": float(REPEATS),
        }.get(budget)


def load_campaign(path: Path) -> CampaignSpec:
    """Read and check a campaign file.

    Raises
    ------
    CampaignError
        With one line for each mistake: line, value and what is allowed.
    """
    document = read_document(path)
    if MATRIX in document.content:
        raise document.mistake(
            (MATRIX,),
            "this file is a matrix of campaigns; `theodolite plan FILE` lists them, and `--child NAME` chooses one "
            "where a command takes one",
        )
    return checked_campaign(document)


def checked_campaign(document: Document) -> CampaignSpec:
    """Check what a file says of a campaign; paths are taken as relative to the file's folder.

    Raises
    ------
    CampaignError
        With one line for each mistake.
    """
    folder = document.path.parent
    try:
        # Plug-ins are loaded as the file is checked: whether a tool exists depends on them.
        return CampaignSpec.model_validate(document.content, context={"folder": folder}).in_folder(folder)
    except ValidationError as error:
        raise document.mistakes(error, CampaignSpec) from error
