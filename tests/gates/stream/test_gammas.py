from __future__ import annotations

from fractions import Fraction
from math import exp, log, sqrt

import pytest

from theodolite.cli.errors import code_of
from theodolite.cli.exit_codes import ExitCode
from theodolite.gates.stream import StreamExhausted, default_n_max, gamma, harmonic


@pytest.mark.parametrize(("n_max", "factor"), [(200, 4.53), (4_000, 3.04)])
def test_gammas_are_the_published_sequence_rescaled_to_the_length_of_the_stream(n_max, factor):
    published = 0.0722 * log(7) / (7 * exp(sqrt(log(7))))
    assert gamma(7, n_max) / published == pytest.approx(factor, abs=0.005)


@pytest.mark.parametrize("n_max", [1, 2, 50, 4_000])
def test_gammas_decrease_and_sum_to_one(n_max):
    values = [gamma(t, n_max) for t in range(1, n_max + 1)]
    assert sum(values) == pytest.approx(1.0)
    assert values == sorted(values, reverse=True)


def test_harmonic_numbers():
    assert harmonic(10) == pytest.approx(float(sum(Fraction(1, i) for i in range(1, 11))))


def test_the_default_length_is_ten_times_the_budget():
    assert default_n_max(30) == 300
    assert default_n_max(5_000) == 10_000


def test_an_exhausted_stream_has_an_exit_code_of_its_own():
    with pytest.raises(StreamExhausted) as caught:
        gamma(201, 200)
    assert code_of(caught.value) is ExitCode.BAD_INPUT
