"""The checks themselves: each finds its planted defect, and leaves a sound component alone."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from aseq import testing
from aseq.data import from_async_iterable
from aseq.errors import ConfigError
from aseq.layers import Dense
from aseq.testing import Case, CountingSource, DatasetCase, Interrupted, LayerCase, Planted, Trip
from aseq.testing._case import named
from tests.cases import TABLE
from tests.planted import PLANTED, callbacks, datasets, layers, losses, metrics, optimizers, pieces

SOUND = {
    "activation": [pieces.SOUND_ACTIVATION],
    "callback": callbacks.SOUND,
    "constraint": [pieces.SOUND_CONSTRAINT],
    "dataset": datasets.SOUND,
    "layer": layers.SOUND,
    "loss": losses.SOUND,
    "metric": metrics.SOUND,
    "optimizer": optimizers.SOUND,
    "regularizer": [pieces.SOUND_REGULARIZER],
}


def _checks(kind, case):
    return dict(getattr(testing, f"yield_{kind}_checks")(case))


def _run(check):
    if inspect.iscoroutinefunction(check):
        asyncio.run(check())
    else:
        check()


@pytest.fixture
def kept():
    """Closes what planted defects leave open."""
    yield
    for file in callbacks.KeepsFile.kept:
        file.close()


@pytest.mark.may_leave
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, planted in PLANTED.items() for name in planted]
)
def test_check_finds_its_defect(kind, name):
    check = _checks(kind, PLANTED[kind][name])[name]
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever a defect raises
        _run(check)


@pytest.mark.parametrize("kind", TABLE)
def test_every_check_has_a_planted_defect(kind):
    names = {name for case in TABLE[kind] for name in _checks(kind, case)}
    assert names == set(PLANTED[kind])


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind, cases in SOUND.items() for case in cases])
def test_sound_twin_passes(kind, case):
    """What the defects vary is itself without a defect: but for names in a registry of one's own."""
    for name, check in _checks(kind, case).items():
        if name != "found_by_name":
            _run(check)


# Running checks ----------------------------------------------------------------------------------


def passes(case):
    """Nothing to find."""


def fails(case):
    """Something to find."""
    raise AssertionError("expected more")


async def fails_later(case):
    """Something to find, in a coroutine."""
    raise AssertionError("expected more")


def test_report_names_every_failure():
    case = LayerCase(id="Defect", factory=layers.DoubleGradient, input_shape=(3,))
    with pytest.raises(AssertionError, match=r"Defect fails 1 of .* checks") as caught:
        testing.check_layer(case)
    assert "gradient_of_input" in str(caught.value)
    assert "central differences" in str(caught.value)


async def test_report_of_coroutine_checks_names_every_failure():
    with pytest.raises(AssertionError, match=r"elements.*length: expected 0 or None"):
        await testing.check_dataset(datasets.DATASETS["elements"])


def test_exemption_turns_a_failure_into_a_pass():
    case = Case(id="Any", exempt={"fails": "known"})
    for _, check in named(case, [fails]):
        check()


async def test_exemption_of_a_coroutine_check():
    case = Case(id="Any", exempt={"fails_later": "known"})
    for _, check in named(case, [fails_later]):
        await check()


def test_stale_exemption_is_an_error():
    case = Case(id="Any", exempt={"passes": "was broken once"})
    ((_, check),) = named(case, [passes])
    with pytest.raises(AssertionError, match=r"was broken once.*passes\. Take the exemption out"):
        check()


def test_exemption_from_an_unknown_check_is_an_error():
    with pytest.raises(ConfigError, match="pases"):
        list(named(Case(id="Any", exempt={"pases": "typo"}), [passes]))


def test_public_face_runs_all_checks():
    testing.check_layer(LayerCase(id="Dense", factory=lambda: Dense(2, "tanh"), input_shape=(3,)))


# The doubles -------------------------------------------------------------------------------------


async def test_counting_source_counts():
    source = CountingSource("abc")
    assert [item async for item in source] == ["a", "b", "c"]
    assert list(source.iterate()) == ["a", "b", "c"]
    assert (source.opened, source.closed, source.taken, source.open_passes) == (2, 2, 6, 0)


async def test_counting_source_fails_where_told():
    source = CountingSource("abc", fail_at=1, error=OSError("gone"))
    received = []
    with pytest.raises(OSError, match="gone"):
        async for item in source:
            received.append(item)  # noqa: PERF401
    assert received == ["a"]
    assert source.open_passes == 0
    with pytest.raises(Planted):
        list(CountingSource("abc", fail_at=3).iterate())


async def test_counting_source_waits_until_released():
    source = CountingSource("abc")
    source.hold(at=1)
    task = asyncio.ensure_future(from_async_iterable(source).to_list())
    await asyncio.sleep(0.01)
    assert source.taken == 1
    source.release()
    assert await task == ["a", "b", "c"]


async def test_trip_cancels_at_each_wait_in_turn():
    seen = []

    async def three_waits():
        for number in range(3):
            seen.append(number)
            await asyncio.sleep(0)
        return "through"

    for at in (1, 2, 3):
        seen.clear()
        with pytest.raises(Interrupted):
            await Trip(three_waits(), at).run()
        assert seen == list(range(at))
    assert await Trip(three_waits(), 4).run() == "through"


async def test_trip_passes_errors_on():
    async def fail():
        await asyncio.sleep(0)
        raise Planted("as it is")

    with pytest.raises(Planted, match="as it is"):
        await Trip(fail(), 9).run()


def test_dataset_checks_of_a_world_of_its_own_do_not_count():
    case = DatasetCase(id="x", make=lambda world: world, expected=list, world=lambda items: None)
    assert set(_checks("dataset", case)) == {
        "elements", "every_pass_anew", "early_exit", "cancelled_anywhere", "closed_iterator",
    }  # fmt: skip


# The watch in conftest ------------------------------------------------------------------------------

FAULTS = """
    import asyncio, gc, os, threading, time
    import pytest

    KEPT = []

    async def test_computes_in_the_loop():
        end = time.thread_time() + 0.15
        while time.thread_time() < end:
            pass

    async def test_sleeps_in_the_loop():
        time.sleep(0.5)

    @pytest.mark.may_block
    async def test_may_sleep_in_the_loop():
        time.sleep(0.5)

    async def test_leaves_a_task():
        KEPT.append(asyncio.ensure_future(asyncio.sleep(60)))
        await asyncio.sleep(0)

    def test_leaves_a_task_in_a_loop_of_its_own():
        async def main():
            KEPT.append(asyncio.ensure_future(asyncio.sleep(60)))
        asyncio.run(main())

    def test_leaves_a_thread():
        threading.Thread(target=time.sleep, args=(4,), daemon=True).start()

    def test_leaves_a_file():
        KEPT.append(open(os.devnull))

    def test_leaves_nothing():
        async def main():
            await asyncio.gather(*(asyncio.to_thread(sum, [1, 2]) for _ in range(3)))
        asyncio.run(main())

    async def test_waits_for_long():
        await asyncio.sleep(0.5)
"""


def test_watch_finds_what_is_blocked_and_left_behind(tmp_path):
    root = Path(__file__).parent.parent
    (tmp_path / "test_faults.py").write_text(textwrap.dedent(FAULTS))
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c"]
    command += [str(root / "pyproject.toml"), "--rootdir", str(tmp_path), "-q", "-rE", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=50, check=False)
    faulty = {
        line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")
    }
    assert faulty == {
        "test_computes_in_the_loop",
        "test_sleeps_in_the_loop",
        "test_leaves_a_task",
        "test_leaves_a_task_in_a_loop_of_its_own",
        "test_leaves_a_thread",
        "test_leaves_a_file",
    }, done.stdout
    assert "9 passed" in done.stdout
