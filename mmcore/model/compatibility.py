"""Do the chosen components fit together? Found in declarations alone: nothing is built, torch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmcore.errors import OptionError, did_you_mean

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.declarations import FusionMethod, FusionStrategy
    from mmcore.options import ComponentConfig


def problems(
    kinds: Mapping[str, str], encoders: Mapping[str, ComponentConfig], fusion: Any, catalog: Catalog
) -> list[OptionError]:
    """Reasons why these components can't make one model; empty when they can.

    Args:
        kinds: modality → kind, of the modalities that are used.
        encoders: modality → encoder.
        fusion: has `strategy` and `method` (ComponentConfig, or None); None where it is left out.
    """
    unusable = [
        OptionError(
            f"{name!r} can't be the name of a modality: modules are named after it, and torch does not allow that name",
            path=("encoders", name),
            hint=f"Call it {name.replace('.', '_')}_, for example.",
        )
        for name in kinds
        if not usable_as_name(name)
    ]
    return [*unusable, *_fusion_problems(kinds, fusion, catalog)]


def strategy_modalities(fusion: Any, catalog: Catalog) -> tuple[str, ...]:
    """The modalities that the chosen strategy reads by itself; `fusion` as in `problems`."""
    if fusion is None:
        return ()
    resolved = catalog.resolve("fusion-strategy", fusion.strategy, path=("fusion", "strategy"))
    strategy: FusionStrategy = resolved.declaration
    return strategy.reads(resolved.options)


def usable_as_name(name: str) -> bool:
    """Whether torch modules can be named after a modality of this name.

    >>> usable_as_name("photo"), usable_as_name("type"), usable_as_name("item.photo")
    (True, False, False)
    """
    return bool(name) and "." not in name and not name.startswith("__") and name not in _TAKEN.split()


def _fusion_problems(kinds: Mapping[str, str], fusion: Any, catalog: Catalog) -> list[OptionError]:
    if fusion is None:
        if len(kinds) < 2:
            return []
        return [
            OptionError(
                f"{len(kinds)} modalities ({', '.join(kinds)}) and no fusion",
                path=("fusion",),
                hint=f"Say when they are fused: strategy: {_names(catalog, 'fusion-strategy')}.",
            )
        ]
    if len(kinds) < 2:
        return [
            OptionError(
                "there is one modality, so there is nothing to fuse", path=("fusion",), hint="Leave `fusion` out."
            )
        ]
    resolved = catalog.resolve("fusion-strategy", fusion.strategy, path=("fusion", "strategy"))
    strategy: FusionStrategy = resolved.declaration
    name = fusion.method.name if fusion.method is not None else strategy.method_for(resolved.options)
    if name is None:
        return [OptionError(f"strategy {strategy.name!r} needs a method", path=("fusion",))]
    method: FusionMethod = catalog.get("fusion-method", name)
    path = ("fusion", "method") if fusion.method is not None else ("fusion", "strategy")
    found = [*_level(strategy, method, path, catalog), *_count(method, len(kinds), path)]
    return found or _own_check(strategy, resolved.options, kinds, method)


def _own_check(
    strategy: FusionStrategy, options: Any, kinds: Mapping[str, str], method: FusionMethod
) -> list[OptionError]:
    if strategy.check is None:
        return []
    try:
        strategy.check(options, kinds, method)
    except OptionError as error:
        return [OptionError(error.what, path=("fusion", "strategy", *error.path), hint=error.hint)]
    return []


def _level(
    strategy: FusionStrategy, method: FusionMethod, path: tuple[str, ...], catalog: Catalog
) -> list[OptionError]:
    if method.level in strategy.levels:
        return []
    fitting = [entry.name for entry in catalog.entries("fusion-method") if _level_of(entry) in strategy.levels]
    return [
        OptionError(
            f"method {method.name!r} combines {_WORDS[method.level]}, strategy {strategy.name!r} "
            f"{' or '.join(_WORDS[level] for level in strategy.levels)}",
            path=path,
            hint=f"Methods for {strategy.name}: {', '.join(fitting) or 'none is installed'}.",
        )
    ]


def _count(method: FusionMethod, count: int, path: tuple[str, ...]) -> list[OptionError]:
    low, high = method.min_modalities, method.max_modalities
    if low <= count and (high is None or count <= high):
        return []
    allowed = f"exactly {low}" if low == high else f"{low} to {high}" if high else f"at least {low}"
    return [OptionError(f"method {method.name!r} is for {allowed} modalities; there are {count}", path=path)]


def _level_of(entry: Any) -> str:
    return str(entry.declaration.level)


def _names(catalog: Catalog, type_: Any) -> str:
    return did_you_mean("", [entry.name for entry in catalog.entries(type_)]).removeprefix("Allowed: ").rstrip(".")


_TAKEN = """
T_destination add_module apply bfloat16 buffers call_super_init children clear compile copy cpu cuda double
dump_patches eval extra_repr float forward fromkeys get get_buffer get_extra_state get_parameter get_submodule half
ipu items keys load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
pop popitem register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule setdefault share_memory smart_apply
state_dict to to_empty train training type update values xpu zero_grad
"""
"""Attributes of torch's ModuleDict and ParameterDict, written out because torch is too heavy to ask.

`smart_apply` is an addition of transformers.
"""

_WORDS = {"input": "inputs", "representation": "representations", "decision": "decisions"}
