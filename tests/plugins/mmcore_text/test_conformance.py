import mmcore.testing
import mmcore_text


@mmcore.testing.conformance(mmcore_text)
def test_keeps_its_contract(check):
    check()
