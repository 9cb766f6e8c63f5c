"""What a check works with: a declaration, small options, and the components that it has to be tried with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.declarations import Component, Encoder, FusionMethod, ModalityKind, Resources
from mmcore.options import Options
from mmcore.testing.check import Skipped

if TYPE_CHECKING:
    from mmcore.data.kind import Kind


class Surroundings:
    """The components that a component is tried with: those declared beside it first, then the installed ones."""

    def __init__(self, beside: Sequence[Component] = ()):
        self.beside = tuple(beside)

    @cached_property
    def _installed(self) -> tuple[Component, ...]:
        from mmcore.catalog import load

        return tuple(entry.declaration for entry in load().entries())

    def of_type(self, wanted: type[Component]) -> Iterator[Any]:
        """Declarations of one type, those beside it first."""
        seen = set()
        for declaration in chain(self.beside, self._all_installed()):
            key = (declaration.name, getattr(declaration, "kind", None))
            if isinstance(declaration, wanted) and key not in seen:
                seen.add(key)
                yield declaration

    def _all_installed(self) -> Iterator[Component]:
        yield from self._installed  # looked up only when those beside are not enough

    def kind(self, name: str) -> ModalityKind:
        """The declaration of a kind; Skipped when it is not there."""
        for declaration in self.of_type(ModalityKind):
            if declaration.name == name:
                return declaration
        raise Skipped(f"there is no modality kind {name!r} to try it with")

    def encoders(self, kind: str) -> list[Encoder]:
        """Declarations of encoders of a kind."""
        return [declaration for declaration in self.of_type(Encoder) if declaration.kind == kind]

    def methods(self, level: str) -> list[FusionMethod]:
        """Declarations of fusion methods of a level."""
        return [declaration for declaration in self.of_type(FusionMethod) if declaration.level == level]


@dataclass
class Bench:
    """One component on trial.

    Args:
        declaration: the component.
        folder: an empty folder for what checks write.
        surroundings: what it is tried with.
        given: options instead of the declaration's `tiny` ones.
    """

    declaration: Any
    folder: Path
    surroundings: Surroundings
    given: Mapping[str, Any] | None = None
    _built: list[Any] = field(default_factory=list, init=False, repr=False)

    @property
    def label(self) -> str:
        """How results name the component."""
        return f"{self.declaration.type} {self.declaration.name}"

    @property
    def option_values(self) -> Mapping[str, Any]:
        """The options it is tried with, as a user would write them."""
        return self.declaration.tiny if self.given is None else self.given

    @cached_property
    def options(self) -> Options:
        """The options it is tried with, validated."""
        return self.declaration.options.model_validate(dict(self.option_values))

    def subject(self) -> Any:
        """What all checks but `builds` try: built once; skipped when it does not build."""
        if not self._built:
            try:
                self.try_to_build()
            except (Skipped, KeyboardInterrupt):
                raise
            except BaseException:
                self._built.append(None)
        if self._built[0] is None:
            raise Skipped("it does not build (see the check `builds`)")
        return self._built[0]

    def try_to_build(self) -> None:
        """Build the subject; whatever `build` raises comes through."""
        self._built = [self.build_fresh()]

    def build_fresh(self) -> Any:
        """Build the component with its small options, ready to be used."""
        return build(self.declaration, self.options)

    def subfolder(self, name: str) -> Path:
        """A folder of this bench, made when it is not there."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def build(declaration: Component, options: Options, *arguments: Any, **offered: Any) -> Any:
    """Call a declaration's `build`; Skipped when something that it requires is not installed.

    Of what is offered by name (`resources`, `parts`), it gets what it has a parameter for.
    """
    missing = [name for name in declaration.requires if find_spec(name) is None]
    if missing:
        how = f'; pip install "{declaration.extra}"' if declaration.extra else ""
        raise Skipped(f"needs {', '.join(missing)}, not installed{how}")
    parameters = inspect.signature(declaration.build).parameters
    further = {name: value for name, value in offered.items() if value is not None and name in parameters}
    return declaration.build(options, *arguments, **further)


def build_tiny(declaration: Component, *arguments: Any) -> Any:
    """Build another component, one that the subject is tried with, with its tiny options and no pretrained weights."""
    options = declaration.options.model_validate(dict(declaration.tiny))
    return build(declaration, options, *arguments, resources=Resources(weights="none"))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with torch's and NumPy's global generators seeded; afterwards they are as they were."""
    import numpy as np
    import torch

    state = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)


@dataclass(frozen=True)
class KindMaterial:
    """A kind and samples of it."""

    declaration: ModalityKind
    kind: Kind
    values: list[Any]
    samples: list[Any]
    description: Any
    root: Path


def kind_material(declaration: ModalityKind, folder: Path, count: int = 6) -> KindMaterial:
    """A kind's own examples, decoded and described; Skipped when its declaration has none."""
    from mmcore.data.kind import Budget

    if declaration.examples is None:
        raise Skipped(f"the modality kind {declaration.name!r} declares no `examples`, so there is nothing to try")
    kind = build_tiny(declaration)
    values = list(declaration.examples(folder, count))
    samples = [kind.decode(value, root=folder, budget=Budget()) for value in values]
    return KindMaterial(declaration, kind, values, samples, kind.describe(iter(samples)), folder)
