"""components, show, plugins, doctor, cache: what they print, for people and for programs."""

import json
from collections import namedtuple

import pytest

import mmcore.catalog
from mmcore.catalog import load
from mmcore.cli.cache import human
from mmcore.cli.main import main
from mmcore.errors import MissingDependency
from mmcore.plugins import PluginRecord, Plugins


@pytest.fixture
def call(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, told.err

    return call


@pytest.fixture
def of_json(call):
    def of_json(*arguments, code=0):
        given, out, _ = call(*arguments, "--json")
        assert given == code
        return json.loads(out)

    return of_json


@pytest.fixture
def installed(monkeypatch):
    def install(*records):
        catalog = mmcore.catalog.Catalog(Plugins([*load().plugins.records, *records]))
        monkeypatch.setattr(mmcore.catalog, "load", lambda refresh=False: catalog)

    return install


def test_components_lists_the_whole_catalogue(of_json):
    listed = [(entry["type"], entry["kind"], entry["qualified_name"]) for entry in of_json("components")]
    assert listed == [(entry.type, entry.kind, entry.qualified) for entry in load().entries()]
    assert {"summary", "reference", "licence", "version", "distribution"} <= set(of_json("components")[0])


def test_components_are_chosen_by_type_kind_and_pattern(of_json, call):
    chosen = {entry["name"] for entry in of_json("components", "encoder", "--kind", "image")}
    assert chosen == {entry.name for entry in load().entries("encoder", kind="image")}
    assert {entry["name"] for entry in of_json("components", "fusion-methods", "*concat")} == {"concat", "multconcat"}
    assert of_json("components", "fusion_strategies") == of_json("components", "fusion-strategy")
    code, out, err = call("components", "encoder", "nothing*")
    assert (code, out, err) == (0, "", "Nothing of this is installed.\n")


def test_components_says_what_each_is_and_whose(call):
    _, out, err = call("components")
    (line,) = (line for line in out.splitlines() if line.startswith("multconcat"))
    entry = load().entries("fusion-method", pattern="multconcat")[0]
    assert entry.declaration.summary in line
    assert line.rstrip().endswith(entry.package)
    assert err == ""


def test_components_mentions_plugins_that_could_not_be_loaded(call, installed):
    installed(PluginRecord("x", "mmcore_x", "mmcore-x", "1", problems=["needs 'av', which is not installed"]))
    code, _, err = call("components")
    assert code == 0
    assert err == "Not everything could be loaded: mmcore_x. See: mmcore plugins\n"


class Options(mmcore.Options):
    """Options of every sort."""

    width: int = mmcore.Field(64, ge=1, le=512, description="hidden units")
    mode: str | None = None


class NoSchema(mmcore.Options):
    """An option whose type JSON schema can't say."""

    how: type(lambda: None) | None = mmcore.Field(None, description="a function")
    model_config = mmcore.Options.model_config | {"arbitrary_types_allowed": True}


def record(name, *declarations):
    return PluginRecord(name, f"mmcore_{name}", f"mmcore-{name}", "3.1", declarations=list(declarations))


def encoder(**more):
    return mmcore.Encoder(**{"name": "trial", "kind": "text", "summary": "A trial.", "build": print} | more)


def test_show_tells_options_weights_licence_and_reference(call, of_json, installed):
    weights = mmcore.Weights(source="the hub", licence="CC BY 4.0")
    installed(record("x", encoder(options=Options, weights=weights, reference="arXiv:1", licence="MIT")))
    code, out, _ = call("show", "encoder", "trial")
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == ["trial · encoder for text", "A trial."]
    for said in (
        "from: mmcore-x 3.1 (mmcore_x)",
        "reference: arXiv:1",
        "licence: MIT",
        "licence of the weights: CC BY 4.0",
    ):
        assert f"  {said}" in lines
    assert "  weights: the hub (downloaded when first used)" in lines
    (width,) = (line.split(None, 2) for line in lines if line.startswith("width"))
    assert width[:2] == ["width", "64"]
    assert "a whole number from 1 to 512" in width[2]
    assert "hidden units" in width[2]
    found = of_json("show", "encoder", "mmcore_x/trial")
    assert found["options"]["properties"]["width"]["maximum"] == 512
    assert found["weights"] == {"source": "the hub", "licence": "CC BY 4.0"}


def test_show_tells_of_every_kind_that_has_the_name(of_json, call, installed):
    installed(record("x", encoder(), encoder(kind="image")))
    assert [found["kind"] for found in of_json("show", "encoder", "trial")] == ["image", "text"]
    assert of_json("show", "encoder", "trial", "--kind", "image")["kind"] == "image"


def test_show_manages_options_without_a_schema(call, of_json, installed):
    installed(record("x", encoder(options=NoSchema)))
    assert "a function" in call("show", "encoder", "trial")[1]
    assert list(of_json("show", "encoder", "trial")["options"]["properties"]) == ["how"]


def test_show_works_for_everything_that_is_installed(call):
    for entry in load().entries():
        more = ["--kind", entry.kind] if entry.kind else []
        code, out, err = call("show", entry.type, entry.qualified, *more)
        assert (code, err) == (0, ""), entry.qualified
        assert out.startswith(f"{entry.name} · {entry.type}")


def test_plugins_lists_what_each_adds(of_json, call, installed):
    off = PluginRecord("off", "mmcore_off", "mmcore-off", "1", enabled=False)
    installed(record("x", encoder(), encoder(kind="image")), off)
    _, out, err = call("plugins")
    assert err == ""
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert rows["x"].endswith("2 encoders")
    assert rows["off"].endswith("switched off")
    found = {each["name"]: each for each in of_json("plugins")}
    assert found["x"]["components"][0] == {"type": "encoder", "name": "trial", "kind": "text"}
    assert found["off"]["enabled"] is False


def findings(of_json, code=0):
    return {each["subject"]: each for each in of_json("doctor", code=code)}


def test_doctor_looks_at_versions_devices_weights_plugins_and_disk(of_json):
    import torch

    found = findings(of_json)
    assert found["torch"]["found"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert {"Python", "mmcore", "processor", "GPU", "plugins", "disk", "weights of minilm"} <= set(found)
    assert [each for each in found.values() if each["state"] == "bad"] == []


def test_doctor_says_what_to_do_about_what_is_missing_or_broken(of_json, call, installed):
    needs = encoder(requires=("nowhere_to_be_found",), extra="mmcore-framework[far]")
    broken = PluginRecord("b", "mmcore_b", "mmcore-b", "1", problems=["RuntimeError: no"])
    installed(record("x", needs), broken)
    found = findings(of_json, code=1)
    assert found["plugin mmcore_b"] == {
        "subject": "plugin mmcore_b", "state": "bad", "found": "RuntimeError: no",
        "advice": "update or remove it: pip uninstall mmcore-b",
    }  # fmt: skip
    assert found["encoder trial"]["advice"] == 'pip install "mmcore-framework[far]"'
    code, out, _ = call("doctor")
    assert code == 1
    assert "✗   plugin mmcore_b" in out


def test_doctor_names_the_other_distribution_called_mmcore(site, of_json):
    site.add("other", "", distribution="mmcore", version="0.0.9", entry_points="")
    found = findings(of_json, code=1)["the name mmcore"]
    assert "another distribution of this name is installed (0.0.9)" in found["found"]


def test_doctor_warns_of_a_full_disk(of_json, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 9, 1))
    assert findings(of_json, code=1)["disk"]["advice"] == "mmcore cache --clear"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("MMCORE_CACHE", str(folder))
    (folder / "tables" / "abc").mkdir(parents=True)
    (folder / "tables" / "abc" / "rows.arrow").write_bytes(b"x" * 100_000)
    return folder


def test_cache_shows_what_is_kept_and_clears_it(cached, call, of_json):
    found = of_json("cache")
    assert found["folder"] == str(cached)
    ((name, entries, size),) = (part.values() for part in found["parts"])
    assert (name, entries) == ("tables", 1)
    assert 100_000 <= size < 120_000
    code, out, _ = call("cache", "--clear")
    assert (code, out) == (0, f"Freed {human(size)}.\n")
    assert of_json("cache")["parts"] == []
    assert cached.is_dir()


def test_an_empty_cache_is_no_mistake(tmp_path, monkeypatch, call, of_json):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "nothing"))
    assert of_json("cache")["parts"] == []
    assert call("cache", "--clear")[:2] == (0, "Freed 0 B.\n")
    assert not (tmp_path / "nothing").exists()


def test_building_what_doctor_says_is_missing_tells_the_same_advice(installed):
    needs = encoder(requires=("nowhere_to_be_found",), extra="mmcore-framework[far]")
    installed(record("x", needs))
    with pytest.raises(MissingDependency, match=r'pip install "mmcore-framework\[far\]"'):
        mmcore.catalog.load().build(needs, mmcore.NoOptions(), None)
