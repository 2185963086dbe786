"""The circuit breaker: growing pauses, probes, and then a person is waited for."""

from __future__ import annotations

from theodolite.agents.llm import CircuitBreaker, ModelSettings


def breaker() -> tuple[CircuitBreaker, list[float]]:
    waited: list[float] = []
    settings = ModelSettings(backoff_s=1, longest_backoff_s=3, opens_after=4, cool_down_s=100, probes=2)
    return CircuitBreaker(settings, waited.append), waited


def test_pauses_double_then_the_circuit_opens_and_gives_up_after_its_probes() -> None:
    circuit, waited = breaker()
    for _ in range(3):
        circuit.failed()
    assert waited == [1, 2, 3]
    assert not circuit.is_open
    circuit.failed()
    assert circuit.is_open
    assert not circuit.given_up
    circuit.failed()
    circuit.failed()
    assert waited == [1, 2, 3, 100, 100], "nobody waits after the last probe"
    assert circuit.given_up


def test_one_answer_closes_it() -> None:
    circuit, _ = breaker()
    for _ in range(5):
        circuit.failed()
    circuit.succeeded()
    assert not circuit.is_open
    assert circuit.failures == 0


def test_a_server_that_asks_for_time_gets_it_within_limits() -> None:
    circuit, waited = breaker()
    circuit.failed(2.5)
    circuit.failed(1_000)
    assert waited == [2.5, 3]
