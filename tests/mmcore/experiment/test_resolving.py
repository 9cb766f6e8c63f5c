from mmcore.experiment.specification import Experiment

WRITTEN = Experiment(
    dataset="openmoji",
    encoders={"text": {"name": "hf_text", "scratch": {}, "trainable": "all", "learning_rate": 1e-4}},
)


def test_every_option_of_a_component_is_written_out():
    assert WRITTEN.resolved().to_dict()["dataset"] == {"name": "openmoji", "target": "group", "size": 224}


def test_the_frameworks_keys_of_an_encoder_stay():
    slot = WRITTEN.resolved().encoders["text"]
    assert (slot.trainable, slot.learning_rate) == ("all", 1e-4)
    assert set(WRITTEN.encoders["text"].options) < set(slot.options)


def test_the_method_that_a_strategy_takes_is_named():
    written = Experiment(
        dataset={
            "name": "table", "path": "items.csv", "target": "y",
            "modalities": {"a": {"kind": "text", "column": "a"}, "b": {"kind": "text", "column": "b"}},
        },
        encoders={"a": "minilm", "b": "minilm"},
        fusion={"strategy": "intermediate"},
    )  # fmt: skip
    full = written.resolved()
    assert full.fusion.method is not None
    assert full.dataset.options["modalities"] == {
        "a": {"kind": "text", "column": "a"},
        "b": {"kind": "text", "column": "b"},
    }


def test_resolving_twice_changes_nothing_more():
    once = WRITTEN.resolved()
    assert once.resolved() == once
    assert Experiment.from_yaml(once.to_yaml()) == once
