"""Plugins as they are found, switched off, told of events, and kept from harming each other."""

import json
import logging
import sys
from pathlib import Path

import pytest

import mmcore
from mmcore.catalog import load
from mmcore.plugins import DISABLE, discover

ITEMS = Path(__file__).parents[2] / "examples" / "items.csv"

METHOD = """
import mmcore
mmcore_api = 1

@mmcore.hookimpl
def mmcore_fusion_methods():
    yield mmcore.FusionMethod(name="{name}", summary="a method", build=lambda options, widths, task: None,
                              level="decision")
"""

DECLARES = """
import mmcore

@mmcore.hookimpl
def mmcore_fusion_methods():
    fields = {{"name": "one", "summary": "a method", "build": print, "level": "decision", {fields}}}
    return mmcore.FusionMethod(**fields)
"""


def method(name):
    return METHOD.format(name=name)


def record_of(package, **more):
    (record,) = (each for each in discover(**more).records if each.package == package)
    return record


def names(record):
    return [declaration.name for declaration in record.declarations]


def test_a_plugin_is_found_with_its_distribution_and_version(site):
    site.add("mmcore_one", method("one"), version="2.3", distribution="some-ones")
    record = record_of("mmcore_one")
    assert (record.name, record.distribution, record.version) == ("one", "some-ones", "2.3")
    assert names(record) == ["one"]
    assert record.enabled
    assert (record.problems, record.notes) == ([], [])


def test_the_built_in_plugins_load_without_a_problem_and_in_one_order():
    records = discover().records
    ours = [record for record in records if record.distribution == "mmcore-framework"]
    assert {"mmcore_image", "mmcore_text", "mmcore_tabular", "mmcore_fusion"} <= {record.package for record in ours}
    assert [record.problems for record in ours] == [[] for _ in ours]
    assert [record.name for record in records] == sorted(record.name for record in records)


@pytest.mark.parametrize("name", ["one", "mmcore_one", "mmcore-one", "some.Ones"])
def test_a_plugin_is_switched_off_by_the_name_of_entry_point_package_or_distribution(site, monkeypatch, name):
    site.add("mmcore_one", "raise RuntimeError('imported')", distribution="some-ones")
    for record in (record_of("mmcore_one", disabled=[name]), _by_environment(monkeypatch, f"nothing, {name},")):
        assert not record.enabled
        assert (record.problems, record.module) == ([], None)


def _by_environment(monkeypatch, value):
    monkeypatch.setenv(DISABLE, value)
    return record_of("mmcore_one")


def test_a_plugin_without_hooks_contributes_nothing_and_is_no_problem(site):
    site.add("mmcore_empty", '"""A plugin to be."""')
    record = record_of("mmcore_empty")
    assert (record.problems, record.notes) == ([], ["contributes nothing"])


def test_one_declaration_needs_no_list(site):
    site.add("mmcore_single", DECLARES.format(fields=""))
    assert names(record_of("mmcore_single")) == ["one"]


def test_what_came_before_a_failure_in_a_hook_is_kept(site):
    site.add("mmcore_half", f"{method('half')}    raise LookupError('no second one')")
    record = record_of("mmcore_half")
    assert names(record) == ["half"]
    assert record.problems == ["mmcore_fusion_methods failed: LookupError: no second one"]


def test_another_version_of_the_interface_is_refused(site):
    site.add("mmcore_later", method("later").replace("mmcore_api = 1", "mmcore_api = 99"))
    record = record_of("mmcore_later")
    assert record.declarations == []
    assert record.problems == ["was written for version 99 of the plugin API; this is version 1"]


def test_a_hook_without_its_mark_is_noted(site):
    site.add("mmcore_unmarked", method("one").replace("@mmcore.hookimpl", ""))
    assert record_of("mmcore_unmarked").problems == ["mmcore_fusion_methods is not marked with @mmcore.hookimpl"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ('"name": "Two Words"', "its name must be lower-case letters"),
        ('"name": 3', "its name must be lower-case letters"),
        ('"options": dict', "its options are <class 'dict'>, not a class derived from mmcore.Options"),
        ('"summary": None', "its summary is None, not a text"),
        ('"reference": ["a", "b"]', "its reference is ['a', 'b'], not a text"),
        ('"requires": "torch"', "its requires is 'torch', not a tuple of texts"),
        ('"requires": (1,)', "its requires is (1,), not a tuple of texts"),
        ('"level": "decisions"', "it combines at 'decisions'. Did you mean 'decision'?"),
        ('"tiny": [8]', "its tiny options are [8], not a mapping"),
        ('"build": None', "its `build` can't be called"),
    ],
)
def test_a_declaration_with_a_field_of_another_type_is_refused_with_the_field(site, fields, said):
    site.add("mmcore_fields", DECLARES.format(fields=fields))
    record = record_of("mmcore_fields")
    assert record.declarations == []
    assert [said in problem for problem in record.problems] == [True]


@pytest.mark.parametrize("key", ["trainable", "learning_rate", "weights", "share", "augment", "name"])
def test_an_option_of_the_frameworks_own_name_is_refused(site, key):
    options = f"class Chosen(mmcore.Options):\n    {key}: int = 1\n"
    site.add(
        "mmcore_reserved",
        DECLARES.format(fields='"options": Chosen').replace("import mmcore", f"import mmcore\n{options}"),
    )
    (problem,) = record_of("mmcore_reserved").problems
    assert f"its option {key!r} is a key of the framework" in problem


def test_two_packages_with_one_name_are_both_kept_and_told_how_to_be_written(site):
    site.add("mmcore_a", method("same")).add("mmcore_b", method("same"))
    first, second = record_of("mmcore_a"), record_of("mmcore_b")
    assert names(first) == names(second) == ["same"]
    assert first.notes == ["fusion-method 'same' is also in mmcore_b: write mmcore_a/same"]
    assert second.notes == ["fusion-method 'same' is also in mmcore_a: write mmcore_b/same"]


def test_two_entry_points_to_one_package_do_not_make_its_names_ambiguous(site):
    site.add("mmcore_one", method("one"), points={"one": "mmcore_one", "uno": "mmcore_one"})
    first, second = (each for each in discover().records if each.package == "mmcore_one")
    assert (names(first), first.problems) == (["one"], [])
    assert (names(second), second.problems) == ([], ["fusion-method 'one' came by entry point 'one' already"])


def test_one_distribution_twice_on_the_path_is_one_plugin(site):
    site.add("mmcore_one", method("one"), version="2.0").add("mmcore_one", method("one"), version="1.0")
    assert names(record_of("mmcore_one")) == ["one"]


@pytest.mark.parametrize("text", ["[mmcore]\nnot an entry point\n", "[mmcore]\nodd =\n"])
def test_a_damaged_entry_points_file_harms_its_own_plugin_only(site, text):
    site.add("mmcore_odd", method("odd"), entry_points=text).add("mmcore_one", method("one"))
    plugins = discover()
    (odd,) = (record for record in plugins.records if record.distribution == "mmcore-odd")
    assert len(odd.problems) == 1
    assert names(next(record for record in plugins.records if record.package == "mmcore_one")) == ["one"]


def test_a_distribution_without_its_own_name_is_named_by_its_folder(site):
    site.add("mmcore_one", method("one"))
    (site.folder / "mmcore_one-1.0.dist-info" / "METADATA").unlink()
    record = record_of("mmcore_one")
    assert names(record) == ["one"]
    assert record.distribution.startswith("mmcore_one")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_plugin_prints_is_kept_from_the_terminal_and_told(site, capsys, stream):
    site.add("mmcore_loud", f"import sys\nprint('hello\\nyou', file=sys.{stream})\n{method('loud')}")
    record = record_of("mmcore_loud")
    assert (names(record), record.problems) == (["loud"], ["prints while loading: 'hello'"])
    assert capsys.readouterr() == ("", "")


def test_a_warning_while_loading_is_a_note_and_does_not_reach_the_terminal(site, capsys):
    site.add(
        "mmcore_old", f"import warnings\nwarnings.simplefilter('always')\nwarnings.warn('grown old')\n{method('old')}"
    )
    record = record_of("mmcore_old")
    assert (names(record), record.problems, record.notes) == (["old"], [], ["warns while loading: grown old"])
    assert capsys.readouterr() == ("", "")


LISTENERS = """
import mmcore
heard = []

@mmcore.hookimpl
def mmcore_run_started(folder, experiment):
    heard.append(("started", folder, experiment))

@mmcore.hookimpl
def mmcore_epoch_ended(epoch):
    heard.append(("epoch", epoch))

@mmcore.hookimpl
def mmcore_run_finished(folder, metrics):
    {last}
"""


def test_an_event_reaches_all_who_listen_although_one_of_them_fails(site, caplog):
    site.add("mmcore_ear", LISTENERS.format(last="heard.append(('finished', metrics))"))
    site.add("mmcore_deaf", LISTENERS.format(last="raise ValueError('not now')"))
    plugins = discover()
    with caplog.at_level(logging.WARNING, logger="mmcore"):
        plugins.call("mmcore_run_started", folder="runs/a", experiment={"seed": 1})
        plugins.call("mmcore_epoch_ended", folder="runs/a", epoch=2, metrics={})
        plugins.call("mmcore_run_finished", folder="runs/a", metrics={"test": {}})
    heard = {record.package: record.module.heard for record in plugins.records if record.listeners}
    both = [("started", "runs/a", {"seed": 1}), ("epoch", 2)]
    assert heard == {"mmcore_ear": [*both, ("finished", {"test": {}})], "mmcore_deaf": both}
    assert caplog.messages == ["plugin mmcore_deaf failed on mmcore_run_finished: ValueError: not now"]


COMMAND = """
import mmcore

@mmcore.hookimpl
def mmcore_commands():
    yield mmcore.Command(name={name!r}, summary="says hello", build=lambda: print)
"""


def test_of_two_commands_with_one_name_the_first_stays_and_the_second_is_named(site):
    site.add("mmcore_a", COMMAND.format(name="hello")).add("mmcore_b", COMMAND.format(name="hello"))
    plugins = discover()
    assert [command.name for command in plugins.commands].count("hello") == 1
    (record,) = (record for record in plugins.records if record.package == "mmcore_b")
    assert record.problems == ["command 'hello' is that of mmcore_a already"]


def test_a_command_with_a_name_that_nobody_can_type_is_refused(site):
    site.add("mmcore_a", COMMAND.format(name="--help me"))
    assert "its name must be lower-case letters" in record_of("mmcore_a").problems[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("mmcore_one.nowhere", "leads to nothing: there is no module 'mmcore_one.nowhere'"),
        ("mmcore_one:nothing", "leads to nothing: module 'mmcore_one' has no attribute 'nothing'"),
        ("mmcore_one:mmcore_api", "leads to 1, not to a module"),
    ],
)
def test_an_entry_point_that_leads_to_no_module_is_told_with_its_value(site, value, said):
    site.add("mmcore_one", method("one"), points={"one": value})
    record = record_of("mmcore_one")
    assert (record.declarations, record.problems) == ([], [f"its entry point {value!r} {said}"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("mmcore_encoders = []", "mmcore_encoders is not a function"),
        ("async def mmcore_encoders(): ...", "mmcore_encoders is not marked with @mmcore.hookimpl"),
        (
            "@mmcore.hookimpl(wrapper=True)\ndef mmcore_run_started():\n    yield",
            "mmcore_run_started wraps what other plugins do, which no hook of mmcore's allows",
        ),
        (
            "@mmcore.hookimpl(hookwrapper=True)\ndef mmcore_encoders():\n    return []",
            "mmcore_encoders wraps what other plugins do, which no hook of mmcore's allows",
        ),
        (
            "@mmcore.hookimpl\ndef mmcore_run_finished(folder, score): ...",
            "mmcore_run_finished(folder, score) has a wrong signature: the hook gives folder, metrics",
        ),
        (
            "@mmcore.hookimpl(specname='mmcore_encoder')\ndef ours(): ...",
            "there is no hook 'mmcore_encoder'. Did you mean 'mmcore_encoders'?",
        ),
    ],
)
def test_what_is_no_right_hook_is_told(site, source, said):
    site.add("mmcore_odd", f"import mmcore\n{source}\n")
    assert record_of("mmcore_odd").problems == [said]


def test_a_hook_may_be_named_by_its_mark_and_one_that_is_not_here_may_be_optional(site):
    named = method("one").replace("hookimpl", "hookimpl(specname='mmcore_fusion_methods')")
    site.add(
        "mmcore_named",
        named.replace("def mmcore_fusion_methods", "def ours")
        + "\n@mmcore.hookimpl(optionalhook=True)\ndef mmcore_of_tomorrow(): ...\n",
    )
    record = record_of("mmcore_named")
    assert (names(record), record.problems) == (["one"], [])


def test_a_hook_specification_that_a_plugin_imports_is_no_hook_of_its_own(site):
    site.add("mmcore_one", f"from mmcore.hookspecs import mmcore_encoders\n{method('one')}")
    assert record_of("mmcore_one").problems == []


ENCODERS = """
import mmcore

@mmcore.hookimpl
def mmcore_encoders():
    for kind in {kinds}:
        yield mmcore.Encoder(name="wide", kind=kind, summary=kind, build=print)
"""


def test_an_encoders_name_is_its_own_within_a_kind_only(site):
    site.add("mmcore_two", ENCODERS.format(kinds=("image", "text")))
    site.add("mmcore_same", ENCODERS.format(kinds=("audio", "audio")))
    two, same = record_of("mmcore_two"), record_of("mmcore_same")
    assert (names(two), two.problems, two.notes) == (["wide", "wide"], [], [])
    assert names(same) == ["wide"]
    assert same.problems == ["encoder 'wide': is declared twice; the first one is used"]


def test_no_listener_changes_what_another_one_or_the_run_sees(site):
    site.add("mmcore_a", LISTENERS.format(last="metrics['test'].clear(); raise SystemExit(3)"))
    site.add("mmcore_b", LISTENERS.format(last="metrics['test'].clear(); heard.append(metrics)"))
    plugins, metrics = discover(), {"test": {"top1": 0.5}}
    plugins.call("mmcore_run_finished", folder="runs/a", metrics=metrics)
    assert metrics == {"test": {"top1": 0.5}}
    heard = [record.module.heard for record in plugins.records if record.package == "mmcore_b"]
    assert heard == [[{"test": {}}]]


WRITES = """
import json
import mmcore

def write(folder, **line):
    with (folder / "heard.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + chr(10))

@mmcore.hookimpl
def mmcore_run_started(folder, experiment):
    write(folder, event="started", seed=experiment["seed"])

@mmcore.hookimpl
def mmcore_epoch_ended(folder, epoch, metrics):
    write(folder, event="epoch", epoch=epoch, metrics=sorted(metrics))

@mmcore.hookimpl
def mmcore_run_finished(folder, metrics):
    write(folder, event="finished", metrics=metrics)
"""

FAILS = """
import mmcore

@mmcore.hookimpl
def mmcore_run_started():
    raise SystemExit(9)

@mmcore.hookimpl
def mmcore_epoch_ended(metrics):
    metrics.clear()
    raise RuntimeError("deaf")

@mmcore.hookimpl
def mmcore_run_finished(metrics):
    metrics.clear()
    raise RuntimeError("deaf")
"""


def test_a_run_tells_its_events_and_a_listener_that_fails_stops_nothing(site, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "cache"))
    site.add("mmcore_deaf", FAILS).add("mmcore_ear", WRITES)
    experiment = {
        "dataset": {
            "name": "table", "path": str(ITEMS), "target": "category",
            "modalities": {"facts": {"kind": "tabular", "columns": ["weight", "price"]}},
        },
        "encoders": {"facts": {"name": "mlp", "width": 4}},
        "training": {"epochs": 2},
        "seed": 5,
    }  # fmt: skip
    try:
        load(refresh=True)
        with caplog.at_level(logging.WARNING, logger="mmcore"):
            run = mmcore.Experiment.from_dict(experiment).run(tmp_path / "run")
    finally:
        sys.path.remove(str(site.folder))
        load(refresh=True)
    heard = [json.loads(line) for line in (run.folder / "heard.jsonl").read_text().splitlines()]
    assert [(line["event"], line.get("epoch")) for line in heard] == [
        ("started", None), ("epoch", 1), ("epoch", 2), ("finished", None),
    ]  # fmt: skip
    assert heard[0]["seed"] == 5
    assert "train_loss" in heard[1]["metrics"]
    assert heard[-1]["metrics"] == json.loads((run.folder / "metrics.json").read_text()) != {}
    deaf = [said for said in caplog.messages if "mmcore_deaf" in said]
    assert deaf == [
        "plugin mmcore_deaf failed on mmcore_run_started: tried to exit the program (SystemExit: 9)",
        "plugin mmcore_deaf failed on mmcore_epoch_ended: RuntimeError: deaf",
        "plugin mmcore_deaf failed on mmcore_epoch_ended: RuntimeError: deaf",
        "plugin mmcore_deaf failed on mmcore_run_finished: RuntimeError: deaf",
    ]
