"""Looking components up, checking their options, building them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

import mmcore
from mmcore.catalog import Catalog, load
from mmcore.errors import ComponentError, MissingDependency, OptionError, UserError
from mmcore.options import ComponentConfig, ComponentRef, Field, Options
from mmcore.plugins import PluginRecord, Plugins


class Width(Options):
    width: int = Field(8, ge=1, le=64)
    folder: str = "."


class Pool(Options):
    frame: Annotated[ComponentConfig, ComponentRef("encoder", kind="image")]
    others: Annotated[dict[str, ComponentConfig], ComponentRef("encoder", kind="image")] = Field(default_factory=dict)
    listed: Annotated[list[ComponentConfig], ComponentRef("fusion-method")] = Field(default_factory=list)


def build(options, description):
    return ("built", options.width, description)


def encoder(name, kind, **more):
    return mmcore.Encoder(**{"name": name, "kind": kind, "summary": name, "options": Width, "build": build} | more)


def method(name):
    return mmcore.FusionMethod(name=name, summary=name, build=build, level="decision")


def kind(name, build):
    return mmcore.ModalityKind(
        name=name, summary=name, build=build, description=mmcore.Description, input_spec=mmcore.InputSpec
    )


def catalog(**packages):
    records = [
        PluginRecord(name, f"mmcore_{name}", f"dist-{name}", "1.2", declarations=list(declarations))
        for name, declarations in packages.items()
    ]
    return Catalog(Plugins(records))


TWO = catalog(
    ours=[encoder("net", "image"), encoder("deep", "image"), encoder("words", "text"), method("vote")],
    theirs=[encoder("net", "image"), encoder("deep", "audio"), encoder("pool", "video", options=Pool)],
)


def message(call):
    with pytest.raises(OptionError) as caught:
        call()
    return str(caught.value)


def test_entries_are_chosen_by_type_kind_and_pattern_and_sorted():
    assert [entry.qualified for entry in TWO.entries("encoder", kind="image")] == [
        "mmcore_ours/deep", "mmcore_ours/net", "mmcore_theirs/net",
    ]  # fmt: skip
    assert [entry.qualified for entry in TWO.entries(pattern="*et*")] == ["mmcore_ours/net", "mmcore_theirs/net"]
    assert {entry.package for entry in TWO.entries(pattern="mmcore_theirs/*")} == {"mmcore_theirs"}
    assert TWO.entries("explainer") == []


def test_a_name_in_two_packages_is_refused_naming_both_and_found_by_either():
    said = message(lambda: TWO.get("encoder", "net", kind="image"))
    assert said == "encoder 'net' is brought by several packages. Write mmcore_ours/net or mmcore_theirs/net."
    ours, theirs = (TWO.get("encoder", f"mmcore_{name}/net") for name in ("ours", "theirs"))
    assert ours is not theirs


def test_one_name_for_two_kinds_is_found_when_the_kind_is_known():
    assert TWO.get("encoder", "deep", kind="audio").kind == "audio"
    assert message(lambda: TWO.get("encoder", "deep")) == "encoder 'deep' is there for audio and image. Say which kind."


def test_an_encoder_of_another_kind_is_refused_with_those_that_fit():
    assert message(lambda: TWO.get("encoder", "words", kind="image")) == (
        "encoder 'words' reads text, not image. Encoders for image: deep, net."
    )


def test_an_unknown_name_gets_the_nearest_one_and_the_path_it_stands_at():
    with pytest.raises(OptionError, match=r"there is no encoder 'wrods' for text\. Did you mean 'words'\?") as caught:
        TWO.get("encoder", "wrods", kind="text", path=("encoders", "title"))
    assert caught.value.path == ("encoders", "title")
    assert "Did you mean 'mmcore_ours/words'?" in message(lambda: TWO.get("encoder", "mmcore_our/words"))


def test_an_unknown_name_tells_of_plugins_that_could_not_be_loaded():
    broken = PluginRecord("p", "mmcore_p", "p", "1", problems=["needs 'av', which is not installed", "second"])
    off = PluginRecord("q", "mmcore_q", "q", "1", enabled=False)
    said = message(lambda: Catalog(Plugins([broken, off])).get("encoder", "slowfast"))
    assert said.endswith(
        "It may come from a plugin that is not loaded: "
        "mmcore_p (needs 'av', which is not installed); mmcore_q (switched off)."
    )


def test_a_bare_name_and_a_mapping_resolve_alike():
    forms = ["words", {"name": "words"}, {"name": "words", "options": {}}, ComponentConfig(name="words")]
    assert [TWO.resolve("encoder", form).options for form in forms] == [Width()] * 4
    assert TWO.resolve("encoder", {"name": "words", "width": 3}).options.width == 3


def test_paths_and_numpy_numbers_are_taken_as_a_file_would_hold_them():
    found = TWO.resolve("encoder", {"name": "words", "width": np.int64(5), "folder": Path("a") / "b"})
    assert found.options == Width(width=5, folder=str(Path("a/b")))


@pytest.mark.parametrize(
    ("config", "path", "said"),
    [
        ({"width": 0}, ("width",), "method.width is 0. Allowed: a whole number from 1 to 64."),
        ({"width": "8"}, ("width",), "method.width is '8'. Allowed: a whole number from 1 to 64."),
        ({"width": True}, ("width",), "method.width is true. Allowed: a whole number from 1 to 64."),
        ({"widht": 8}, ("widht",), "unknown key 'widht' in method. Did you mean 'width'?"),
        ({"width": object}, (), "its options can't be written down: <class 'object'> is type"),
    ],
)
def test_a_bad_option_is_refused_with_path_value_and_what_is_allowed(config, path, said):
    with pytest.raises(OptionError) as caught:
        TWO.resolve("encoder", {"name": "words", **config}, path=("method",))
    assert caught.value.path == ("method", *path)
    assert str(caught.value) == said


def test_all_problems_are_told_at_once():
    problems = TWO.problems("encoder", {"name": "words", "width": 0, "folder": 3, "hue": 1})
    assert sorted(problem.path for problem in problems) == [("folder",), ("hue",), ("width",)]
    assert TWO.problems("encoder", "words") == []
    assert [str(problem) for problem in TWO.problems("encoder", 5)] == [
        "5 names no component. Write a name, or name: … with options."
    ]


def test_components_within_options_are_checked_with_their_place():
    config = {
        "name": "pool",
        "frame": {"name": "deep", "width": 99},
        "others": {"left": "words"},
        "listed": ["vote", "veto"],
    }
    problems = TWO.problems("encoder", config, path=("encoders", "clip"))
    assert [problem.path for problem in problems] == [
        ("encoders", "clip", "frame", "width"),
        ("encoders", "clip", "others", "left"),
        ("encoders", "clip", "listed", 1),
    ]
    assert "encoder 'words' reads text, not image" in str(problems[1])


def test_building_hands_over_resources_only_where_they_are_wanted():
    def wants(options, description, resources):
        return resources

    assert TWO.build(encoder("plain", "text"), Width(width=2), "d") == ("built", 2, "d")
    given = mmcore.Resources(weights="none")
    assert TWO.build(encoder("keen", "text", build=wants), Width(), "d", resources=given) is given
    assert TWO.build(encoder("keen", "text", build=wants), Width(), "d") == mmcore.Resources()


@pytest.mark.parametrize("error", [ValueError("no such width"), SystemExit(3), RecursionError("deep")])
def test_a_build_that_fails_is_named_with_its_package(error):
    def fails(options, description):
        raise error

    found = encoder("frail", "text", build=fails)
    with pytest.raises(ComponentError) as caught:
        catalog(theirs=[found]).build(found, Width(), None)
    assert "encoder 'frail': could not be built: " + type(error).__name__ in str(caught.value)
    assert "It comes from dist-theirs 1.2" in str(caught.value)


def test_a_users_mistake_found_by_build_stays_one():
    def refuses(options, description):
        raise UserError("width 8 and 3 heads do not go together")

    found = encoder("strict", "text", build=refuses)
    with pytest.raises(UserError, match="width 8 and 3 heads") as caught:
        TWO.build(found, Width(), None)
    assert caught.value.exit_code == 2


def test_a_missing_requirement_says_what_to_install_before_anything_is_built():
    def never(options, description):
        raise AssertionError

    found = encoder("far", "text", build=never, requires=("json", "nowhere_to_be_found"), extra="mmcore-framework[far]")
    with pytest.raises(MissingDependency) as caught:
        TWO.build(found, Width(), None)
    assert str(caught.value) == (
        "encoder 'far': needs 'nowhere_to_be_found', which is not installed. pip install \"mmcore-framework[far]\""
    )


def test_a_requirement_that_was_not_declared_is_told_all_the_same():
    def imports(options, description):
        import nowhere_to_be_found  # noqa: F401

    with pytest.raises(MissingDependency, match=r"needs 'nowhere_to_be_found'.* pip install nowhere_to_be_found"):
        TWO.build(encoder("sly", "text", build=imports), Width(), None)


class Sound:
    def __init__(self, *options):
        self.options = options


@pytest.mark.parametrize("build", [Sound, lambda: Sound(), lambda options: Sound()])
def test_a_kind_is_built_once(build):
    found = catalog(sound=[kind("audio", build)])
    assert isinstance(found.kind("audio"), Sound)
    assert found.kind("audio") is found.kind("audio")


def test_a_kind_that_fails_is_named():
    def fails(options):
        raise ValueError("no ears")

    with pytest.raises(ComponentError, match="modality-kind 'audio': could not be built: ValueError: no ears"):
        catalog(sound=[kind("audio", fails)]).kind("audio")
    with pytest.raises(OptionError, match=r"there is no modality-kind 'audoi'\. Did you mean 'audio'\?"):
        catalog(sound=[kind("audio", fails)]).kind("audoi")


def test_a_package_installed_while_we_run_is_there_after_a_refresh(site):
    assert load() is load()
    before = load()
    try:
        site.add(
            "mmcore_fresh",
            """
            import mmcore

            @mmcore.hookimpl
            def mmcore_encoders():
                yield mmcore.Encoder(name="fresh", kind="text", summary="new", build=print)
        """,
        )
        assert load().entries(pattern="fresh") == []
        assert [entry.qualified for entry in load(refresh=True).entries(pattern="fresh")] == ["mmcore_fresh/fresh"]
    finally:
        sys.path.remove(str(site.folder))
        after = load(refresh=True)
    assert [entry.qualified for entry in after.entries()] == [entry.qualified for entry in before.entries()]


class Nested(Options):
    maybe: Annotated[ComponentConfig, ComponentRef("encoder", kind="image")] | None = None
    each: list[Annotated[ComponentConfig, ComponentRef("encoder", kind="image")]] = Field(default_factory=list)
    grouped: Annotated[dict[str, list[ComponentConfig]], ComponentRef("encoder")] = Field(default_factory=dict)
    plain: ComponentConfig | None = None


def test_a_mark_within_an_annotation_counts_and_without_one_nothing_is_looked_up():
    found = catalog(ours=[encoder("deep", "image"), encoder("nest", "image", options=Nested)])
    config = {
        "name": "nest",
        "maybe": "dep",
        "each": ["deep", {"name": "deep", "width": 0}],
        "grouped": {"a": ["deep", "deap"]},
        "plain": "anything",
    }
    assert [problem.path for problem in found.problems("encoder", config)] == [
        ("maybe",), ("each", 1, "width"), ("grouped", "a", 1),
    ]  # fmt: skip
    assert found.problems("encoder", "nest") == []


def test_a_component_within_a_component_within_a_component_is_checked():
    found = catalog(ours=[encoder("deep", "image"), encoder("nest", "image", options=Nested)])
    config = {"name": "nest", "maybe": {"name": "nest", "each": [{"name": "deep", "width": 65}]}}
    (problem,) = found.problems("encoder", config, path=("encoders", "photo"))
    assert str(problem) == "encoders.photo.maybe.each.0.width is 65. Allowed: a whole number from 1 to 64."


def test_a_qualified_name_is_told_of_its_own_package_only():
    broken = PluginRecord("p", "mmcore_p", "p", "1", problems=["needs 'av', which is not installed"])
    off = PluginRecord("q", "mmcore_q", "q", "1", enabled=False)
    found = Catalog(Plugins([broken, off]))
    assert "mmcore_p" not in message(lambda: found.get("encoder", "mmcore_q/slowfast"))
    assert message(lambda: found.get("encoder", "mmcore_q/slowfast")).endswith("not loaded: mmcore_q (switched off).")


def test_a_plugin_that_is_whole_is_no_reason_for_what_is_not_there():
    assert message(lambda: TWO.get("fusion-method", "votes")) == (
        "there is no fusion-method 'votes'. Did you mean 'vote'?"
    )


@pytest.mark.parametrize(
    "error",
    [ModuleNotFoundError("No module named 'json.nowhere'", name="json.nowhere"), ModuleNotFoundError("gone")],
)
def test_a_module_missing_from_a_package_that_is_there_is_a_fault_and_nothing_to_install(error):
    def fails(options, description):
        raise error

    found = encoder("torn", "text", build=fails)
    with pytest.raises(ComponentError) as caught:
        catalog(theirs=[found]).build(found, Width(), None)
    assert str(caught.value).endswith("It comes from dist-theirs 1.2.")
