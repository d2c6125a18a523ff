"""From a checkpoint to model files: converted, quantized and checked, all in one folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from quoth.errors import ModelError, UsageError
from quoth.gguf import read_header
from quoth.models import ModelFile, describe
from quoth.models.installed import InstalledModels, name_from
from quoth.platform import safe_files
from quoth_converters import pipeline
from quoth_converters.checks.verification_report import Level, Report
from quoth_converters.checks.verify import verify
from quoth_converters.families import Options
from quoth_converters.output import llama_quantization
from quoth_converters.output.writer import OutType

RECOMMENDED: Final = "auto"  # in place of a type: the one that suits the model's size and widths


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """What to make of a checkpoint. `types` are quantizations; without any the file stays as it was converted."""

    source: Path
    name: str
    outtype: OutType = "f16"
    types: tuple[str, ...] = ()
    level: Level = "quick"
    options: Options = field(default_factory=Options)

    @property
    def result_types(self) -> tuple[str, ...]:
        """The types of the files that will be made, each once."""
        return tuple(dict.fromkeys(self.types)) or (self.outtype.upper(),)


@dataclass(frozen=True, slots=True)
class ConversionResult:
    """The files that were asked for, by their type, and what the checks measured."""

    conversion: pipeline.Conversion
    files: dict[str, Path]
    report: Report | None

    def to_json(self) -> dict[str, Any]:
        """The fields that a script needs."""
        spec = self.conversion.spec
        return {
            "family": spec.family,
            "architecture": spec.architecture,
            "kind": spec.kind,
            "parameters": spec.parameters,
            "source_sha256": self.conversion.sha256,
            "outtype": self.conversion.outtype,
            "notes": [*spec.vocabulary.notes, *spec.notes],
            "dropped": dict(spec.dropped),
            "verify": self.report.to_json() if self.report else None,
        }


class ConversionProgress(NamedTuple):
    """How far a step is: in bytes while converting, in tensors while quantizing, in thousandths while checking."""

    step: Literal["converting", "quantizing", "checking"]
    done: int
    total: int
    type: str = ""  # the quantization


Progress = Callable[[ConversionProgress], None]


def parse_types(text: str) -> tuple[str, ...]:
    """Of "q8_0,auto" the types. Raises UsageError for a quantization that does not exist."""
    given = [word.strip() for word in text.split(",") if word.strip()]
    types = tuple(RECOMMENDED if word.lower() == RECOMMENDED else word.upper() for word in given)
    if unknown := [type_ for type_ in types if type_ not in (*llama_quantization.TYPES, RECOMMENDED)]:
        hint = f"There are {', '.join(llama_quantization.TYPES)}"
        raise UsageError(f"there is no quantization {unknown[0]!r}", try_=hint)
    return types


def inspect(request: ConversionRequest) -> pipeline.Described:
    """Open the checkpoint and describe what it would become. Raises ModelError."""
    return pipeline.describe(request.source, request.options)


def convert(
    described: pipeline.Described, request: ConversionRequest, folder: Path, progress: Progress
) -> ConversionResult:
    """Convert, quantize and check. Raises ModelError with the smallest failing case if a check fails."""
    conversion = pipeline.write_conversion(
        described,
        folder / f"{name_from(request.name)}.{request.outtype.upper()}.gguf",
        outtype=request.outtype,
        name=request.name,
        progress=lambda done, total: progress(ConversionProgress("converting", done, total)),
    )
    files = _quantized(conversion, request, progress) or {request.outtype.upper(): conversion.path}
    report = None if request.level == "none" else _checked(described, conversion, request.level, files, progress)
    return ConversionResult(conversion, files, report)


def _quantized(conversion: pipeline.Conversion, request: ConversionRequest, progress: Progress) -> dict[str, Path]:
    whole, files = conversion.path, dict[str, Path]()
    for asked in request.types:
        type_ = _recommended(conversion) if asked == RECOMMENDED else asked
        if type_ == request.outtype.upper():
            files[type_] = whole
        elif type_ not in files:
            files[type_] = whole.with_name(f"{whole.name.removesuffix('.gguf').rpartition('.')[0]}.{type_}.gguf")
            count = partial(_count_tensors, progress, type_)
            llama_quantization.quantize(whole, files[type_], type_, progress=count)
    return files


def _recommended(conversion: pipeline.Conversion) -> str:
    found = llama_quantization.recommended(llama_quantization.plan(conversion.path), conversion.spec.parameters)
    return found.type if found else conversion.outtype.upper()


def _count_tensors(progress: Progress, type_: str, done: int, total: int) -> None:
    progress(ConversionProgress("quantizing", done, total, type_))


def _checked(
    described: pipeline.Described,
    conversion: pipeline.Conversion,
    level: Level,
    files: dict[str, Path],
    progress: Progress,
) -> Report:
    report = verify(
        described,
        conversion.path,
        level=level,
        quantized=tuple(path for path in files.values() if path != conversion.path),
        progress=lambda done, total: progress(ConversionProgress("checking", done, total)),
    )
    if report.failure:
        try_ = "Nothing was kept. Please report this"
        raise ModelError("the converted model differs from the checkpoint", report.failure, try_)
    return report


def install(result: ConversionResult, store: InstalledModels, names: dict[str, str], origin: str) -> list[ModelFile]:
    """Move the files into the models folder, each under the name of its type."""
    models = []
    for type_, path in result.files.items():
        name = names[type_]
        with safe_files.attempt(f"read {path}"):
            digest = safe_files.digest(path)
        described = describe(read_header(path), name, origin, sha256=digest)
        model = store.install(path, described, file=f"{name_from(name)}.{type_}.gguf")
        store.trust(model.path)
        models.append(model)
    return models
