"""An experiment with every component's defaults written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmcore.experiment.sections import FRAMEWORK_KEYS
from mmcore.options import ComponentConfig, ComponentType

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.options import Options


def with_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """An experiment as plain data, each component with all its options and the method that a strategy takes.

    Raises:
        OptionError: a component is not there, or an option does not fit.
    """
    from mmcore.catalog import load

    catalog = load()
    dataset = catalog.resolve("dataset", data["dataset"], path=("dataset",))
    kinds = dataset.declaration.modalities(dataset.options)
    full = {**data, "dataset": _full("dataset", data["dataset"], catalog)}
    full["encoders"] = {name: _full_slot(slot, kinds[name], catalog) for name, slot in data.get("encoders", {}).items()}
    if fusion := data.get("fusion"):
        strategy = catalog.resolve("fusion-strategy", fusion["strategy"], path=("fusion", "strategy"))
        method = fusion.get("method") or strategy.declaration.method_for(strategy.options)
        full["fusion"] = {"strategy": _full("fusion-strategy", fusion["strategy"], catalog)}
        if method is not None:
            full["fusion"]["method"] = _full("fusion-method", method, catalog)
    if explain := data.get("explain"):
        full["explain"] = {**explain, "explainer": _full("explainer", explain["explainer"], catalog)}
    return full


def _full_slot(slot: Any, kind: str, catalog: Catalog) -> Any:
    """An encoder's slot; the framework's keys stay as they are."""
    written = slot if isinstance(slot, Mapping) else {"name": slot}
    framework = {key: value for key, value in written.items() if key in FRAMEWORK_KEYS}
    own = {key: value for key, value in written.items() if key not in FRAMEWORK_KEYS}
    full = _full("encoder", own, catalog, kind=kind)
    return {**(full if isinstance(full, Mapping) else {"name": full}), **framework} if framework else full


def _full(type_: ComponentType, written: Any, catalog: Catalog, *, kind: str | None = None) -> Any:
    config = ComponentConfig.model_validate(written)
    options = catalog.resolve(type_, config, kind=kind).options
    return ComponentConfig(name=config.name, options=_all_options(options, config.options)).to_short_form()


def _all_options(options: Options, written: Mapping[str, Any]) -> dict[str, Any]:
    """All options as plain data that give equal options again; as they were written, where a dump would not."""
    for without_null in (True, False):
        dumped = options.model_dump(mode="json", exclude_none=without_null)
        try:
            if type(options).model_validate(dumped) == options:
                return dumped
        except ValueError:
            continue
    return dict(written)
