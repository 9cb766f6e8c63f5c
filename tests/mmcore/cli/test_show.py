"""`mmcore show`: one component with its options, for people and for programs."""

import pytest
from small_plugins import encoder, record

import mmcore
from mmcore.catalog import load


class Options(mmcore.Options):
    """Options of every sort."""

    width: int = mmcore.Field(64, ge=1, le=512, description="hidden units")
    mode: str | None = None
    path: str = mmcore.Field(description="where it is")


class NoSchema(mmcore.Options):
    """An option whose type JSON schema can't say."""

    how: type(lambda: None) | None = mmcore.Field(None, description="a function")
    model_config = mmcore.Options.model_config | {"arbitrary_types_allowed": True}


def test_options_weights_licence_and_reference_are_told(call, of_json, installed):
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


def test_an_option_without_a_default_is_told_to_be_needed(call, installed):
    installed(record("x", encoder(options=Options)))
    lines = call("show", "encoder", "trial")[1].splitlines()
    defaults = {line.split()[0]: line.split()[1] for line in lines if line.startswith(("path", "mode", "width"))}
    assert defaults == {"path": "needed", "mode": "null", "width": "64"}


def test_json_holds_the_schema_of_the_options_and_the_weights(of_json, installed):
    weights = mmcore.Weights(source="the hub", licence="CC BY 4.0")
    installed(record("x", encoder(options=Options, weights=weights)))
    found = of_json("show", "encoder", "mmcore_x/trial")
    assert found["options"]["properties"]["width"]["maximum"] == 512
    assert found["options"]["required"] == ["path"]
    assert found["weights"] == {"source": "the hub", "licence": "CC BY 4.0", "sha256": None, "offline": False}


def test_every_kind_that_has_the_name_is_told(of_json, installed):
    installed(record("x", encoder(), encoder(kind="image")))
    assert [found["kind"] for found in of_json("show", "encoder", "trial")] == ["image", "text"]
    assert of_json("show", "encoder", "trial", "--kind", "image")["kind"] == "image"


def test_a_name_of_two_packages_is_refused_with_both(call, installed):
    installed(record("x", encoder()), record("y", encoder()))
    code, out, err = call("show", "encoder", "trial")
    assert (code, out) == (2, "")
    assert err.endswith("is brought by several packages. Write mmcore_x/trial or mmcore_y/trial.\n")
    assert call("show", "encoder", "mmcore_y/trial")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["encodr", "minilm"], "there is no component type 'encodr'. Did you mean 'encoder'?"),
        (["encoder", "minlm"], "there is no encoder 'minlm'. Did you mean 'minilm'?"),
        (["encoder", "minilm", "--kind", "imag"], "there is no modality-kind 'imag'. Did you mean 'image'?"),
        (["encoder", "minilm", "--kind", "image"], "encoder 'minilm' reads text, not image. Encoders for image: "),
        (["encoder"], "Missing argument 'name'. See: mmcore show --help"),
    ],
)
def test_an_unknown_name_is_a_mistake_with_the_nearest_one(call, arguments, said):
    code, out, err = call("show", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert err.count("\n") == 1


def test_options_without_a_schema_are_named_all_the_same(call, of_json, installed):
    installed(record("x", encoder(options=NoSchema)))
    assert "a function" in call("show", "encoder", "trial")[1]
    assert list(of_json("show", "encoder", "trial")["options"]["properties"]) == ["how"]


@pytest.mark.parametrize("entry", load().entries(), ids=lambda entry: f"{entry.type}:{entry.qualified}")
def test_everything_that_is_installed_can_be_shown(call, of_json, entry):
    more = ["--kind", entry.kind] if entry.kind else []
    code, out, err = call("show", entry.type, entry.qualified, *more)
    assert (code, err) == (0, "")
    assert out.startswith(f"{entry.name} · {entry.type}")
    assert of_json("show", entry.type, entry.qualified, *more)["name"] == entry.name
