"""Who takes which role in a campaign: offline agents, or language models as its file says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from theodolite.agents.budgets import Meter
from theodolite.agents.executor import ModelExecutor
from theodolite.agents.halting import Halt
from theodolite.agents.llm.breaker import CircuitBreaker
from theodolite.agents.llm.calls import Caller
from theodolite.agents.llm.conversation import Sampling
from theodolite.agents.llm.settings import ModelSettings, SettingsError
from theodolite.agents.llm.usage import model_family
from theodolite.agents.llm.wire import OpenAIWire, Wire
from theodolite.agents.loop import Executor, Reviewer
from theodolite.agents.model_reviewer import ModelReviewer
from theodolite.agents.planner import Planner
from theodolite.agents.reviewer import LintReviewer
from theodolite.experiments import CampaignRun, CampaignSpec
from theodolite.experiments.agents_spec import AgentsSpec
from theodolite.prompts import load_prompts
from theodolite.store import Ledger, agent_view

__all__ = ["Team", "assemble", "outside_reviewer", "refuse_unusable", "same_family"]


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Team:
    """The agents of a campaign, and what counts their spending."""

    executor: Executor
    reviewer: Reviewer
    meter: Meter


def same_family(agents: AgentsSpec | None) -> str | None:
    """Return a warning where executor and reviewer are models of one maker, who share blind spots; None otherwise."""
    models = {} if agents is None else agents.models
    if len(models) < 2:
        return None
    maker = model_family(models["executor"])
    if maker != model_family(models["reviewer"]):
        return None
    return (
        f"Executor {models['executor']!r} and reviewer {models['reviewer']!r} are of one family ({maker}): what one "
        "overlooks the other may too. Name a model of another maker in `agents.reviewer`."
    )


def refuse_unusable(spec: CampaignSpec, settings: ModelSettings | None = None) -> None:
    """Refuse a campaign whose language models cannot be asked as things stand; nothing is sent.

    Raises
    ------
    SettingsError, CallsForbidden
        As for :func:`assemble`.
    """
    models = {} if spec.agents is None else spec.agents.models
    if models:
        settings = settings or ModelSettings.read()
        _priced(spec, models, settings)
        OpenAIWire(settings)


def assemble(
    run: CampaignRun,
    *,
    settings: ModelSettings | None = None,
    wire: Wire | None = None,
    halt: Halt | None = None,
    warn: Callable[[str], None] = lambda said: None,
    clock: Callable[[], float] = time.monotonic,
    time_marks: Callable[[], int] | None = None,
) -> Team:
    """Return the agents that a campaign's file names.

    Parameters
    ----------
    run
        The campaign.
    settings
        Server, prices and patience; read from where they are kept if not given. Not needed offline.
    wire
        What sends requests; the OpenAI SDK if not given.
    halt
        Asked before each call, and waited on in place of sleeping.
    warn
        Told when a budget passes a mark, and when calls begin to fail.
    clock, time_marks
        As for :class:`~theodolite.agents.budgets.Meter`.

    Raises
    ------
    SettingsError
        If the settings cannot be read, name no server, or money is limited and a model has no price.
    CallsForbidden
        If the global switch forbids calls.
    """
    spec = run.setting.spec
    meter = Meter(run, clock=clock, time_marks=time_marks, warn=warn)
    models = {} if spec.agents is None else spec.agents.models
    if spec.manifold is not None:
        from theodolite.agents.anchor_planner import AnchorPlanner

        return Team(AnchorPlanner(), LintReviewer(), meter)
    if spec.agents is None or not models:
        return Team(Planner(), LintReviewer(), meter)
    prompts = run.setting.prompts
    assert prompts is not None, "a campaign that names agents is prepared with prompts"
    settings = settings or ModelSettings.read()
    _priced(spec, models, settings)
    warning = same_family(spec.agents)
    if warning is not None:
        _log.warning("%s", warning, extra={"event": "same_family"})
    halt = halt or Halt()

    def before_call() -> None:
        halt.check()
        meter.guard()

    caller = Caller(
        run.ledger,
        run.setting.campaign_id,
        wire or OpenAIWire(settings),
        settings,
        CircuitBreaker(settings, halt.wait),
        prompts.sha256,
        before_call,
        warn,
    )
    sampling = Sampling(spec.agents.temperature, spec.agents.answer_tokens)
    executor: Executor = Planner()
    reviewer: Reviewer = LintReviewer()
    if "executor" in models:
        executor = ModelExecutor(caller, prompts, meter, models["executor"], sampling)
    if "reviewer" in models:
        reviewer = ModelReviewer(
            caller, prompts, models["reviewer"], sampling, lambda: agent_view(run.ledger, run.setting.campaign_id)
        )
    return Team(executor, reviewer, meter)


def outside_reviewer(
    model: str, ledger: Ledger, subject: str, warn: Callable[[str], None] = lambda said: None
) -> ModelReviewer:
    """Return a language model as reviewer outside of any campaign; its calls are rows under ``subject``.

    ``warn`` is told when calls begin to fail.

    Raises
    ------
    SettingsError, CallsForbidden
        As for :func:`assemble`.
    """
    settings, prompts = ModelSettings.read(), load_prompts()
    breaker = CircuitBreaker(settings)
    caller = Caller(ledger, subject, OpenAIWire(settings), settings, breaker, prompts.sha256, warn=warn)
    return ModelReviewer(caller, prompts, model, Sampling(), lambda: None)


def _priced(spec: CampaignSpec, models: dict[str, str], settings: ModelSettings) -> None:
    if spec.limit("money") is None:
        return
    for name in models.values():
        if name not in settings.prices:
            raise SettingsError(
                f"budget.money is {spec.limit('money')!r}, but the settings hold no price of {name!r}: give it in "
                f'theodolite.toml as [models.prices."{name}"] with input and output in US dollars a million tokens'
            )
