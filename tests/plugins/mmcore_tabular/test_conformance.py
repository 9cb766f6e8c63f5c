import mmcore.testing
import mmcore_tabular


@mmcore.testing.conformance(mmcore_tabular)
def test_keeps_its_contract(check):
    check()
