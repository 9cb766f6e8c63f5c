"""Checks of what is declared, before anything is built."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from functools import cache
from typing import Any

from pydantic import ValidationError

from mmcore.declarations import Component, Dataset
from mmcore.options import RESERVED, Options
from mmcore.testing.bench import Bench
from mmcore.testing.check import check, claim
from mmcore.testing.modules import skip_unless

HEAVY = ("torch", "timm", "transformers", "datasets", "gradio", "matplotlib.pyplot", "pandas", "sklearn", "shap")


@check(Component)
def has_a_well_formed_name(bench: Bench) -> None:
    """Its name is lower-case letters, digits and underscores, and it has a summary of one line."""
    declaration = bench.declaration
    claim(
        re.fullmatch(r"[a-z][a-z0-9_]*", declaration.name) is not None,
        f"{declaration.name!r}: write names in lower-case letters, digits and underscores, beginning with a letter",
    )
    claim(bool(declaration.summary.strip()), "it has no summary")
    claim("\n" not in declaration.summary.strip(), "its summary has more than one line")


@check(Component)
def has_sound_options(bench: Bench) -> None:
    """Its options are an Options class: no reserved key, no unknown key, each option described."""
    options: Any = bench.declaration.options
    claim(
        isinstance(options, type) and issubclass(options, Options),
        f"`options` is {options!r}; it must be a subclass of mmcore.Options",
    )
    reserved = sorted(RESERVED & set(options.model_fields))
    claim(not reserved, f"options {', '.join(reserved)} are reserved: the framework reads them in the component's slot")
    claim(options.model_config.get("extra") == "forbid", "its options accept unknown keys (`extra` is not 'forbid')")
    mute = [name for name, field in options.model_fields.items() if not field.description]
    claim(not mute, f"options without a description: {', '.join(mute)}. Use mmcore.Field(…, description=…).")


@check(Component)
def accepts_its_small_options(bench: Bench) -> None:
    """Its `tiny` options are valid, and so are its defaults."""
    needed = [name for name, field in bench.declaration.options.model_fields.items() if field.is_required()]
    missing = [name for name in needed if name not in bench.option_values]
    skip_unless(not missing, f"needs {', '.join(missing)}, for which it declares nothing small")
    _ = bench.options
    if not needed:
        try:
            bench.declaration.options()
        except ValidationError as error:
            # a rule over several options may say that one of them has to be given; a bad default is a mistake
            if not bench.declaration.tiny or any(problem["loc"] for problem in error.errors()):
                raise


@check(Component)
def declares_lightly(bench: Bench) -> None:
    """Importing the package that declares it imports nothing heavy."""
    package = declaring_package(bench.declaration)
    heavy = heavy_imports_of(package)
    skip_unless(heavy is not None, f"its package {package!r} can't be imported by itself")
    claim(
        not heavy,
        f"importing {package!r} imports {', '.join(heavy or ())}: import them inside `build`, so that listing is fast",
    )


@cache
def heavy_imports_of(package: str) -> tuple[str, ...] | None:
    """What is heavy among all that importing a package imports; None when it can't be imported in a fresh process."""
    code = f"import sys, {package}; print('\\n', *(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120)  # noqa: S603
    return tuple(done.stdout.splitlines()[-1].split()) if done.returncode == 0 else None


def declaring_package(declaration: Component) -> str:
    """The top-level package that a declaration's `build` comes from."""
    module = inspect.getmodule(inspect.unwrap(declaration.build))
    name = module.__name__ if module else declaration.build.__module__
    return name.split(".")[0]


@check(Dataset)
def knows_its_modalities_without_reading(bench: Bench) -> None:
    """`modalities(options)` names at least one modality, each with a kind."""
    known = dict(bench.declaration.modalities(bench.options))
    claim(bool(known), "`modalities(options)` is empty")
    claim(all(isinstance(kind, str) and kind for kind in known.values()), f"a modality has no kind: {known}")
