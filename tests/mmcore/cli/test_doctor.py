"""`mmcore doctor`: what it looks at, and the advice for what is not right."""

from collections import namedtuple

import pytest
from small_plugins import encoder, record

import mmcore
import mmcore.catalog
from mmcore.errors import MissingDependency


@pytest.fixture
def findings(of_json):
    def findings(code=0):
        return {each["subject"]: each for each in of_json("doctor", code=code)}

    return findings


def test_versions_devices_weights_plugins_and_disk_are_looked_at(findings):
    import torch

    found = findings()
    assert found["torch"]["found"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert {"Python", "mmcore", "processor", "GPU", "plugins", "disk", "weights of minilm"} <= set(found)
    assert [each for each in found.values() if each["state"] == "bad"] == []


def test_what_is_missing_or_broken_comes_with_advice_and_exit_code_1(findings, call, installed):
    needs = encoder(requires=("nowhere_to_be_found",), extra="mmcore-framework[far]")
    installed(record("x", needs), record("b", problems=["RuntimeError: no"]), record("off", enabled=False))
    found = findings(code=1)
    assert found["plugin mmcore_b"] == {
        "subject": "plugin mmcore_b", "state": "bad", "found": "RuntimeError: no",
        "advice": "update or remove it: pip uninstall mmcore-b",
    }  # fmt: skip
    assert found["encoder trial"]["advice"] == 'pip install "mmcore-framework[far]"'
    assert found["plugin mmcore_off"]["found"] == "switched off"
    code, out, err = call("doctor")
    assert (code, err) == (1, "")
    assert "✗   plugin mmcore_b" in out
    assert "RuntimeError: no → update or remove it: pip uninstall mmcore-b" in out


def test_building_what_is_missing_gives_the_same_advice(installed):
    needs = encoder(requires=("nowhere_to_be_found",), extra="mmcore-framework[far]")
    installed(record("x", needs))
    with pytest.raises(MissingDependency, match=r'pip install "mmcore-framework\[far\]"'):
        mmcore.catalog.load().build(needs, mmcore.NoOptions(), None)


@pytest.mark.parametrize(
    ("source", "state", "said"),
    [
        ("the package pytest", "good", f"pytest {pytest.__version__}"),
        ("the package nowhere-to-be-found", "note", "nowhere-to-be-found is not installed"),
        ("a file inside the plugin", "good", "a file inside the plugin, with mmcore-x 3.1"),
        ("", "good", ", with mmcore-x 3.1"),
    ],
)
def test_weights_that_need_no_network_are_looked_for(findings, installed, source, state, said):
    installed(record("x", encoder(weights=mmcore.Weights(source=source, licence="MIT", offline=True))))
    found = findings()["weights of trial"]
    assert (found["state"], found["found"]) == (state, said)


def test_the_other_distribution_called_mmcore_is_named(site, findings):
    site.add("other", "", distribution="mmcore", version="0.0.9", entry_points="")
    found = findings(code=1)["the name mmcore"]
    assert "another distribution of this name is installed (0.0.9)" in found["found"]


def test_a_full_disk_is_bad(findings, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 9, 1))
    assert findings(code=1)["disk"]["advice"] == "mmcore cache --clear"
