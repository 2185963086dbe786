"""The figure of a calibration: realised error rates against q, power by effect, and what each safeguard prevents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.calibration.summary import CURVE, ArmSummary, Mean, Summary, pooled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_BLUE, _ORANGE, _GREEN, _GREY, _RED = "#0072B2", "#E69F00", "#009E73", "#7F7F7F", "#D55E00"
"""Colours that the colour-blind can tell apart (Okabe and Ito 2008)."""
_DARK = {_BLUE: "#004B76", _ORANGE: "#8A5F00"}
"""Whiskers on bars of a colour."""
_ALLOWED = 0.02


def draw(summary: Summary, *paths: Path) -> None:
    """Draw the figure and write it to each path, in the format of its suffix (``.svg``, ``.png``).

    Points are means over campaigns, whiskers reach to the upper 95 % bound (Hoeffding-Bentkus); of the power curve, to
    exact 95 % limits.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.25, 0.8, 1.2))
    _error_rates(left, summary)
    _power(middle, summary)
    _ablations(right, summary)
    # Without a date and with names that are no random numbers, equal studies give equal files.
    with rc_context({"svg.hashsalt": "theodolite"}):
        for path in paths:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _error_rates(axes: Axes, summary: Summary) -> None:
    standard = {arm.proposer: arm for arm in summary.of_world("standard")}
    null = {arm.proposer: arm for arm in summary.of_world("global_null")}
    reused = {name: arm for name, arm in standard.items() if arm.reused_fdr.campaigns}
    names = list(dict.fromkeys([*standard, *null]))
    series: list[tuple[str, str, str, dict[Any, Mean]]] = [
        ("FDR over hypotheses", "o", _BLUE, {name: arm.fdr for name, arm in standard.items()}),
        ("FDR over claim keys", "s", _GREEN, {name: arm.fdr_keys for name, arm in standard.items()}),
        ("FDR on reused blocks", "D", _GREY, {name: arm.reused_fdr for name, arm in reused.items()}),
        ("P(any support), global null", "^", _ORANGE, {name: arm.any_support for name, arm in null.items()}),
    ]
    for index, (label, marker, colour, means) in enumerate(series):
        places = [row + 0.18 * (index - 1.5) for row, name in enumerate(names) if name in means]
        _points(axes, places, [means[name] for name in names if name in means], marker, colour, label)
    axes.set_yticks(range(len(names)), [name.value.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    _mark_q(axes, summary.q)
    axes.set_xlim(left=-0.004)
    axes.set_xlabel("realised rate, and upper 95 % bound")
    axes.set_title("False discoveries by proposer", loc="left", fontsize=11, pad=16)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)


def _points(axes: Axes, places: list[float], means: list[Mean], marker: str, colour: str, label: str) -> None:
    values = [mean.value or 0.0 for mean in means]
    above = [max((mean.upper or 0.0) - (mean.value or 0.0), 0.0) for mean in means]
    axes.errorbar(
        values,
        places,
        xerr=[[0.0] * len(values), above],
        fmt=marker,
        color=colour,
        markersize=4.5,
        elinewidth=1.2,
        capsize=2.5,
        label=label,
    )


def _mark_q(axes: Axes, q: float) -> None:
    axes.axvline(q, color=_RED, linewidth=1.2)
    axes.axvline(q + _ALLOWED, color=_RED, linewidth=1.0, linestyle=":")
    above = f"q = {q:g}, dotted q + {_ALLOWED:g}"
    axes.text(q, 1.01, above, transform=axes.get_xaxis_transform(), color=_RED, fontsize=8)


def _power(axes: Axes, summary: Summary) -> None:
    arms = summary.of_world("standard")
    shares = {middle: pooled(arm.curve[middle] for arm in arms) for middle in CURVE}
    known = [(middle, share) for middle, share in shares.items() if share.value is not None]
    places = [float(middle) for middle, _ in known]
    values = [share.value or 0.0 for _, share in known]
    limits = [[v - s.lower for v, (_, s) in zip(values, known, strict=True)],
              [s.upper - v for v, (_, s) in zip(values, known, strict=True)]]  # fmt: skip
    axes.errorbar(places, values, yerr=limits, fmt="o-", color=_BLUE, markersize=5, capsize=3)
    axes.axhline(0.7, color=_RED, linewidth=1.0, linestyle=":")
    axes.text(0.02, 0.71, "0.70", transform=axes.get_yaxis_transform(), color=_RED, fontsize=8)
    # A thousand tests or more are told in thousands: five ticks stand side by side.
    counted = [f"{share.of / 1000:.1f}k" if share.of >= 1000 else str(share.of) for _, share in known]
    axes.set_xticks(places, [f"{middle}\n{n}" for (middle, _), n in zip(known, counted, strict=True)])
    axes.set_ylim(0.0, 1.05)
    axes.margins(x=0.14)
    axes.set_xlabel("planted effect, in block standard errors\n(number of tests)")
    axes.set_ylabel("share supported of planted effects tried")
    axes.set_title("Power", loc="left", fontsize=11, pad=16)


def _ablations(axes: Axes, summary: Summary) -> None:
    off = [arm for arm in summary.arms if arm.ablation is not None]
    if not off:
        axes.text(0.5, 0.5, "no ablation was run", ha="center", va="center", color=_GREY, transform=axes.transAxes)
        axes.set_axis_off()
        return
    labels = []
    for row, arm in enumerate(off):
        control = summary.arm(arm.world, arm.proposer)
        _bar(axes, row - 0.19, _rate(arm), _ORANGE, "safeguard off" if row == 0 else "")
        if control is not None:
            _bar(axes, row + 0.19, _rate(control), _BLUE, "all safeguards on" if row == 0 else "")
        what = str(arm.ablation).replace("_", " ")
        labels.append(f"{what}\n{arm.proposer.value.replace('_', ' ')}, {arm.world.replace('_', ' ')}")
    axes.set_yticks(range(len(off)), labels, fontsize=8)
    axes.set_ylim(len(off) - 0.45, -0.55)
    _mark_q(axes, summary.q)
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("FDR, or P(any support) in the global null")
    axes.set_title("What each safeguard prevents", loc="left", fontsize=11, pad=16)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)


def _bar(axes: Axes, place: float, mean: Mean, colour: str, label: str) -> None:
    value = mean.value or 0.0
    above = [[0.0], [max((mean.upper or 0.0) - value, 0.0)]]
    axes.barh(place, value, 0.34, color=colour, label=label or None, xerr=above,
              error_kw={"elinewidth": 1.2, "capsize": 2, "ecolor": _DARK[colour]})  # fmt: skip


def _rate(arm: ArmSummary) -> Mean:
    return arm.any_support if arm.world == "global_null" else arm.fdr
