"""The campaign file that ``theodolite init`` writes."""

from __future__ import annotations

__all__ = ["TEMPLATE"]

TEMPLATE = """\
# A Theodolite campaign. Every key but `name` may be left out; the values below are the defaults.
name: {name}            # lower-case letters, digits and hyphens
seed: 1                 # root of every random number of the campaign

# plugins: []           # paths of plug-ins that offer tools, models or references of your own (docs/plugins.md)
model: compact-pbmc     # a packaged model (`theodolite models list`) or the folder of a checkpoint
cells:
  source: pbmc          # the packaged 700 blood cells, or a file (docs/cells.md; see `theodolite data describe`)
  # layer: X            # where the counts are: X, raw, the name of a layer, or auto
  # species: human      # checked against the genes
  # gene_column: symbol # var column with the gene symbols; the index where not given
  # aliases: packaged   # rename earlier symbols (IGJ to JCHAIN); or the path of a table
  # labels: [cell_type] # obs columns to keep
  # donor: donor_id     # obs column with donors; or batch:, where there are no donors
  # perturbation: gene  # obs column with the perturbed gene, and control: the value of unperturbed cells
# device: auto          # where the model runs: auto (a GPU where there is one), cpu, cuda or mps; cpu where not given
# dtype: float16        # in which floating-point type; float32 where not given
# genes: {{least_cells: 20, most: 2000}}  # which genes are surveyed, where a model reads the expressed genes of a cell
references: programs    # the packaged gene programs, a YAML file of gene sets, or published ones (docs/references.md)
families: packaged      # the packaged homology families, or the path of a TSV with the columns gene and family

tools:                  # instruments that may be used (`theodolite tools list`)
  - geometry.axis_separation
  - geometry.pair_proximity
  - attention.edges
# descriptions: [geometry.effective_rank]  # of the whole model on discovery genes, beside the looks; they claim nothing

budget:
  experiments: 16       # hypotheses to register
  retire_after: 6       # tries of an instrument without a support after which it is left alone; null for never
  job_timeout_s: 600    # a job that takes longer is killed and leaves an `error` row
  # job_memory_mb: 8000 # MiB that a worker may hold; a job that takes it further is killed likewise
  # wall_time_s: 28800  # seconds to run, over all sessions together
  # tokens: 2000000     # of language models, in and out; money: US dollars, by your price table
  # looks: 320          # looks at discovery genes that a language model may take; repeats: 20
# round_size: 16        # hypotheses that are locked before any of them is judged

error:
  stream: main          # the error budget; a later campaign on the same ledger continues it
  q: 0.10               # false-discovery rate of the whole stream
  # n_max: 160          # tests the stream is planned for; locked by its first campaign
  # supports_per_block: 2  # economy: a block serves for so many supports, each making the next dearer

split:
  seed: 1               # which gene families are held out for confirmation
  # over: families      # cut the whole family table, so that several cell sets share one partition
  # blocks: 2           # hold-out blocks; as many as leave every testable reference testable where not given

sesoi:                  # smallest effects of interest, in AUROC - 0.5
  GeneScores: 0.20
  PairScores: 0.10
  BipartiteScores: 0.10

# Language models on any server of the OpenAI protocol take either role; without this line, no model and no key. The
# executor is a model's name or planner; the reviewer another model, better of another maker, or lint.
# agents: {{executor: NAME, reviewer: OTHER}}
# approve: registrations  # or verdicts, or both: people approve before it goes on (`theodolite approve`)

# Several campaigns in one file under one error budget, each with the budget above (docs/matrix.md). Lists of models,
# cells, references and seeds stand in place of the single keys.
# matrix: {{models: [compact-pbmc, my-checkpoint], seeds: [1, 2]}}

spent_blocks: continue  # when no fresh hold-out block is left: continue (tagged) or stop
threads: 2              # torch threads of a worker
# workers: 2            # worker processes; the cores divided by threads where not given. No result depends on it
"""
