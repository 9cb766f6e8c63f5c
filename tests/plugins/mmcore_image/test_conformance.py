import mmcore.testing
import mmcore_image


@mmcore.testing.conformance(mmcore_image)
def test_keeps_its_contract(check):
    check()
