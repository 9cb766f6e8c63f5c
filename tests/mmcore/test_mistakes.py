from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, model_validator

from mmcore.mistakes import option_problems
from mmcore.options import ComponentConfig, ComponentRef, Field, Options


class Column(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str = Field(min_length=1)
    columns: tuple[str, ...] | None = None


class Everything(Options):
    width: int = Field(64, ge=1, le=512, description="hidden units")
    heads: int = Field(4, multiple_of=4, ge=0)
    rate: float = Field(0.1, gt=0, lt=1)
    mode: Literal["mean", "cls"] = "mean"
    flag: bool = False
    name_of: str = Field("x", min_length=1)
    limit: int | Literal["none"] | None = None
    sizes: list[int] = Field(default_factory=list)
    parts: dict[str, Column] = Field(default_factory=dict)
    inner: Annotated[ComponentConfig, ComponentRef("encoder")] | None = None
    needed: str = Field(description="what it is for")

    @model_validator(mode="after")
    def _small(self):
        if self.width * self.rate > 100:
            raise ValueError("width times rate is above 100")
        return self


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"widht": 3}, ("widht",), "unknown key 'widht' in method. Did you mean 'width'?"),
        ({"width": 0}, ("width",), "method.width is 0. Allowed: a whole number from 1 to 512."),
        ({"width": "64"}, ("width",), "method.width is '64'. Allowed: a whole number from 1 to 512."),
        ({"width": True}, ("width",), "method.width is true. Allowed: a whole number from 1 to 512."),
        ({"width": 6.5}, ("width",), "method.width is 6.5. Allowed: a whole number from 1 to 512."),
        ({"width": None}, ("width",), "method.width is null. Allowed: a whole number from 1 to 512."),
        ({"heads": 3}, ("heads",), "method.heads is 3. Allowed: a whole number of at least 0, a multiple of 4."),
        ({"rate": 1}, ("rate",), "method.rate is 1. Allowed: a number above 0 and below 1."),
        ({"mode": "maen"}, ("mode",), "method.mode is 'maen'. Did you mean 'mean'? Allowed: mean, cls."),
        ({"mode": 3}, ("mode",), "method.mode is 3. Allowed: mean, cls."),
        ({"flag": "yes"}, ("flag",), "method.flag is 'yes'. Allowed: true, false."),
        ({"name_of": ""}, ("name_of",), "method.name_of is ''. Allowed: a text that is not empty."),
        ({"limit": "some"}, ("limit",), "method.limit is 'some'. Allowed: none, null or a whole number."),
        ({"sizes": [1, "b"]}, ("sizes", 1), "method.sizes.1 is 'b'. Allowed: a whole number."),
        ({"sizes": 3}, ("sizes",), "method.sizes is 3. Allowed: a list, each a whole number."),
        (
            {"parts": {"a": {}}},
            ("parts", "a", "kind"),
            "'kind' is missing in method.parts.a. Needed: a text that is not empty.",
        ),
        (
            {"parts": {"a": {"kind": "x", "colums": ["y"]}}},
            ("parts", "a", "colums"),
            "unknown key 'colums' in method.parts.a. Did you mean 'columns'?",
        ),
        ({"parts": {"a": 3}}, ("parts", "a"), "method.parts.a is 3. Allowed: a mapping with kind, columns."),
        (
            {"inner": {"dim": 3}},
            ("inner", "name"),
            "method.inner needs a name. Write the name of a component, or name: …",
        ),
        ({"inner": 3}, ("inner",), "method.inner is 3. Allowed: null or a name, or a mapping with `name` and options."),
        ({"width": 512, "rate": 0.9}, (), "method: width times rate is above 100."),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_value_and_what_is_allowed(values, path, message):
    (problem,) = option_problems(Everything, {"needed": "x", **values}, path=("method",))
    assert problem.path == ("method", *path)
    assert str(problem).rstrip(".") == message.rstrip(".")


def test_what_is_missing_is_said_with_what_it_is_for():
    (problem,) = option_problems(Everything, {}, path=("method",))
    assert str(problem) == "'needed' is missing in method. Needed: what it is for."


def test_all_mistakes_are_found_at_once():
    found = option_problems(Everything, {"width": 0, "mode": "x", "what": 1, "parts": {"a": {"kind": ""}}})
    assert {problem.path for problem in found} == {
        ("width",), ("mode",), ("what",), ("parts", "a", "kind"), ("needed",),
    }  # fmt: skip


def test_lists_fit_where_tuples_are_wanted_and_whole_numbers_where_numbers_are():
    assert not option_problems(Everything, {"needed": "x", "parts": {"a": {"kind": "b", "columns": ["c"]}}})
    assert not option_problems(Options, {})


def test_a_long_value_is_cut():
    (problem,) = option_problems(Everything, {"needed": "x", "width": "y" * 500})
    assert len(str(problem)) < 140
