"""Signals that ask to stop wait for a moment at which everything can be kept, and act as the caller says."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from tabletop import signals
from tabletop.signals import STOPS, held_back, shielded


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    after = {number: signal.getsignal(number) for number in STOPS}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, []) & set(STOPS)


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_a_signal_waits_for_the_end(number: signal.Signals, raised: type[BaseException]) -> None:
    said: list[bool] = []

    def work() -> None:
        with held_back() as interrupted:
            said.append(interrupted())
            signal.raise_signal(number)
            said.append(interrupted())

    with pytest.raises(raised) as found:
        work()
    assert said == [False, True]
    assert getattr(found.value, "code", 128 + number) == 128 + number


@pytest.mark.parametrize(("apart", "waits"), [(1.0, True), (0.0, False)], ids=["at once", "later"])
def test_a_second_signal_is_the_same_one_at_once_and_acts_where_it_comes_later(
    apart: float, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "_SAME", apart)
    passed = []

    def work() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            passed.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert passed == [True] * waits


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held_back() as interrupted:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupted()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_handler_of_the_caller_is_called_once_all_is_kept() -> None:
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGTERM, hear)
    try:
        with held_back():
            signal.raise_signal(signal.SIGTERM)
            assert not heard
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_is_not_lost_where_an_error_ends_the_work() -> None:
    def work() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        work()


def test_processes_are_started_with_the_signals_blocked() -> None:
    with shielded():
        assert set(STOPS) <= signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_another_thread_has_nothing_to_hold_back() -> None:
    said = []

    def work() -> None:
        with held_back() as interrupted:
            said.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [False]
