"""Each check passes what is sound, and sees the defect that it is there for."""

from __future__ import annotations

import pytest
from broken_components import BROKEN
from sound_components import SOUND

from mmcore.testing import checks_for, run_checks
from mmcore.testing.bench import Surroundings
from mmcore.testing.check import perform
from mmcore.testing.kit import bench_for


@pytest.fixture(scope="module")
def sound_results():
    return run_checks(SOUND)


@pytest.mark.parametrize("declaration", SOUND, ids=lambda declaration: declaration.name)
def test_a_sound_component_passes_every_check(declaration, sound_results):
    results = [result for result in sound_results if result.component == f"{declaration.type} {declaration.name}"]
    assert [result for result in results if not result.ok] == []
    assert sum(result.outcome == "passed" for result in results) >= 8


@pytest.mark.parametrize(
    ("declaration", "check", "words"), BROKEN, ids=[f"{each[0].name}-{each[1]}" for each in BROKEN]
)
def test_a_defect_is_seen_by_the_check_that_is_there_for_it(declaration, check, words, tmp_path):
    bench = bench_for(declaration, tmp_path, Surroundings([declaration, *SOUND]))
    (chosen,) = [each for each in checks_for(declaration) if each.name == check]
    result = perform(chosen, bench)
    assert result.outcome == "failed", result
    assert words in result.message
