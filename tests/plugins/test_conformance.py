"""Every component that comes with mmcore keeps the contract of its type: one test for each check of each of them."""

import mmcore.catalog
import mmcore.testing

BUILT_IN = [entry.declaration for entry in mmcore.catalog.load().entries() if entry.distribution == "mmcore-framework"]


@mmcore.testing.conformance(BUILT_IN)
def test_keeps_its_contract(check):
    check()


def test_no_plugin_of_ours_is_broken():
    problems = {record.package: record.problems for record in mmcore.catalog.load().plugins.records if record.problems}
    assert problems == {}
