"""Runs the transformer of a loaded sentence-transformers model on OpenVINO or ONNX Runtime instead of torch.

sentence-transformers has such backends of its own, which need Optimum; no release of that installs beside the
transformers that sentence-transformers 6 wants. So the transformer is converted as torch traces it, and everything
around it (tokens, prompts, pooling, normalising) stays sentence-transformers' own. What is converted is compared with
torch on texts of several lengths before it serves: vectors of all backends belong to the same index.
"""

import importlib.util
import io
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal

from vectorstore.base import EmbeddingError, Vectors
from vectorstore.embeddings.batching import unit_rows

Backend = Literal["torch", "openvino", "onnx"]
"""torch is the fastest of them on processors that multiply bfloat16; on others OpenVINO may be."""
Run = Callable[[list[Any]], Any]
_PACKAGES = {"openvino": ["openvino"], "onnx": ["onnxruntime", "onnx"]}
_NEAREST = 0.9999
_PROBES = ["one", "A sentence of a few more words than that.", "Rather long text. " * 60]


def convert(transformer: Any, backend: Backend, streams: int, threads: int) -> None:
    """Put ``backend`` in the place of torch inside ``transformer``, for ``streams`` calls at once on ``threads`` each.

    Raises :class:`EmbeddingError` where it is not installed or does not give the same vectors.
    """
    if backend == "torch":
        return
    if not _installed(backend):
        raise EmbeddingError(
            f"SITECHAT_EMBEDDING_BACKEND is {backend}, which is not installed. Install it with "
            f"pip install {' '.join(_PACKAGES[backend])}, or set SITECHAT_EMBEDDING_BACKEND=torch."
        )
    try:
        _replace(transformer, backend, streams, threads)
    except Exception as error:
        raise EmbeddingError(
            f"The search model does not run on {backend} ({error}). Set SITECHAT_EMBEDDING_BACKEND=torch."
        ) from error


def installed() -> list[str]:
    """The backends there are on this machine."""
    return ["torch", *(name for name in _PACKAGES if _installed(name))]


def _installed(name: str) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES[name])


def _replace(transformer: Any, name: str, streams: int, threads: int) -> None:
    module = transformer[0]
    text = module.modality_config["text"]
    if (text["method"], text["method_output_name"]) != ("forward", "last_hidden_state"):
        raise ValueError("its architecture gives no token vectors")
    wanted = probe(transformer)
    model, original = module.model, module.model.forward
    example = _inputs_of(transformer, model)
    import torch

    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # what tracing warns of is looked at below
        run = (_openvino if name == "openvino" else _onnx)(model, example, streams, threads)

    def forward(**given: Any) -> Mapping[str, Any]:
        return {"last_hidden_state": torch.from_numpy(run([given[key].numpy() for key in example]))}

    model.forward = forward
    try:
        compare(wanted, probe(transformer))
    except BaseException:
        model.forward = original
        raise


def probe(transformer: Any) -> Vectors:
    """What the model makes of texts of several lengths; to be compared with :func:`compare` after a change."""
    rows = transformer.encode(_PROBES, normalize_embeddings=True, show_progress_bar=False)
    return unit_rows(rows)


def compare(wanted: Vectors, made: Vectors) -> None:
    """Raises ``ValueError`` where the two are not the same vectors but for rounding."""
    nearest = float((wanted * made).sum(axis=1).min())
    if not nearest >= _NEAREST:
        raise ValueError(f"its vectors differ from torch's, cosine {nearest:.4f}")


def _inputs_of(transformer: Any, model: Any) -> dict[str, Any]:
    """The tensors that reach the model for two texts, by name."""
    import torch

    original, seen = model.forward, {}

    def record(**given: Any) -> Any:
        seen.update({key: value for key, value in given.items() if isinstance(value, torch.Tensor)})
        return original(**given)

    model.forward = record
    try:
        transformer.encode(_PROBES[:2], show_progress_bar=False)
    finally:
        model.forward = original
    return {key: tensor.clone() for key, tensor in seen.items()}  # outside of inference mode they can be traced


def _traceable(model: Any, names: list[str]) -> Any:
    import torch

    class TokenVectors(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Any) -> Any:
            return self.model(**dict(zip(names, tensors, strict=True)), return_dict=True)["last_hidden_state"]

    return TokenVectors().eval()


def _openvino(model: Any, example: dict[str, Any], streams: int, threads: int) -> Run:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would report to its maker
    import openvino

    converted = openvino.convert_model(_traceable(model, list(example)), example_input=tuple(example.values()))
    options = {"INFERENCE_NUM_THREADS": streams * threads, "NUM_STREAMS": streams, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(converted, "CPU", options)
    own = threading.local()

    def run(arrays: list[Any]) -> Any:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return own.request.infer(arrays)[0].copy()  # the next call writes where this one did

    return run


def _onnx(model: Any, example: dict[str, Any], _streams: int, threads: int) -> Run:
    import onnxruntime
    import torch

    names, axes = list(example), {0: "texts", 1: "tokens"}
    file = io.BytesIO()
    torch.onnx.export(
        _traceable(model, names),
        tuple(example.values()),
        file,
        input_names=names,
        output_names=["vectors"],
        dynamic_axes=dict.fromkeys([*names, "vectors"], axes),
        dynamo=False,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda arrays: session.run(["vectors"], dict(zip(names, arrays, strict=True)))[0]
