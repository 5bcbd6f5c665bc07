"""Linear layers whose weights lie in memory as oneDNN multiplies them.

torch lays them out anew at every call, which takes a tenth of the time of a small model in bfloat16 and a fifth of it
in float32. The operators are those that ``torch.compile`` puts in the place of linear layers on a CPU; used directly
they need no compiler on the machine. torch does not promise them to anyone, so what is packed is compared with what
was there, and left as it was where it differs or cannot be done.
"""

import logging
import platform
from typing import Any

from vectorstore.embeddings.backends import compare, probe

log = logging.getLogger(__name__)

_MACHINES = ("x86_64", "AMD64")
_ROWS = 512
"""Tokens of a usual batch, for which the layout is chosen; others are multiplied as well."""


def pack(transformer: Any) -> None:
    """Pack the linear layers of a model on the CPU, for reading only; its vectors stay the same."""
    import torch

    if platform.machine() not in _MACHINES or not torch.backends.mkldnn.is_available():
        return
    wanted = probe(transformer)
    linear = [
        (parent, name, child)
        for parent in transformer.modules()
        for name, child in parent.named_children()
        if type(child) is torch.nn.Linear
    ]
    try:
        for parent, name, layer in linear:
            setattr(parent, name, _packed(layer))
        compare(wanted, probe(transformer))
    except (AttributeError, RuntimeError, ValueError) as error:
        for parent, name, layer in linear:
            setattr(parent, name, layer)
        log.warning("the search model runs without packed weights, which is slower: %s", error)


def _packed(layer: Any) -> Any:
    import torch

    class PackedLinear(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS))
            self.bias = layer.bias

        def forward(self, rows: Any) -> Any:
            return torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")

    return PackedLinear()
