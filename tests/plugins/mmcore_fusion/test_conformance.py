import mmcore.testing
import mmcore_fusion


@mmcore.testing.conformance(mmcore_fusion)
def test_keeps_its_contract(check):
    check()
