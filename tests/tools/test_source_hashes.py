"""Sources of the built-in instruments: campaigns are known by them, so a change is a new version of the instrument."""

from __future__ import annotations

from theodolite.tools import tools

SOURCES = {
    "ablation.mean_ablation": ("1", "95190f046d24937f"),
    "ablation.uniform_attention": ("1", "91319d5830500905"),
    "ablation.zero_ablation": ("1", "3ca559e9f36084cb"),
    "attention.edges": ("1", "18cea3d8dbedb6cb"),
    "attention.regulation": ("1", "27bb2a6abd44872e"),
    "depth.attention_peak": ("1", "0e25927494199628"),
    "depth.attention_stability": ("1", "a2c44da86d963b5d"),
    "depth.attention_trend": ("1", "45d053b6814f211b"),
    "depth.proximity_peak": ("1", "a7ad2866cc51d455"),
    "depth.proximity_stability": ("1", "b0780d7be589a290"),
    "depth.proximity_trend": ("1", "c9999b055067dea3"),
    "depth.regulation_peak": ("1", "e718cba266a30eef"),
    "depth.regulation_stability": ("1", "a10736ebd7893d6b"),
    "depth.regulation_trend": ("1", "312f542e7fea016b"),
    "depth.regulator_peak": ("1", "782926dd49b36df3"),
    "depth.regulator_stability": ("1", "0f2172e7eb621dce"),
    "depth.regulator_trend": ("1", "ee2960fa1fd86238"),
    "geometry.axis_separation": ("1", "2f9dc91da60955e9"),
    "geometry.pair_proximity": ("1", "ab2f699b66672ad0"),
    "geometry.regulator_proximity": ("1", "80efb9ee37c2c106"),
    "manifold.follows": ("1", "62d1ac3254c90974"),
    "saes.feature_value": ("1", "15d6fcfa9b609d68"),
}
"""Version, and the first digits of the hash of the source. A running campaign whose instrument has another one ends in
errors, and the same file makes another campaign: change a line here only with the version, and tell it."""


def test_the_source_of_an_instrument_changes_with_its_version_only() -> None:
    found = {tool.name: (tool.version, tool.source_sha256[:16]) for tool in tools() if tool.built_in}
    assert found == SOURCES
