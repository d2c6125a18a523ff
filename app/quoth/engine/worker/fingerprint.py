"""What a finding about a way of computing holds for: this build, this processor, these devices, this kind of model.

No driver is started: that it crashes may be the very finding.
"""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path

from quoth import native
from quoth.engine.ladder import Fingerprint
from quoth.engine.worker.sandbox import parts_of
from quoth.errors import ModelError

_CPUINFO = 8192  # bytes of /proc/cpuinfo: the first processor


def fingerprint(architecture: str, quantization: str, size: int) -> Fingerprint:
    """For a model of an architecture, quantization and size in bytes ("llama", "Q8_0") on this machine.

    By its size too: what fits a GPU at 0.5B does not at 7B, and only equal sizes have comparable speeds.
    """
    libraries = zlib.crc32(repr(native.library_files()).encode())
    build, processor = f"llama-cpp-python {native.package_version()}, {libraries:08x}", processor_name()
    parts = (sorted(processor_features()), processor, graphics(), _driver())
    return Fingerprint(
        key=f"{zlib.crc32(repr((build, *parts)).encode()):08x} {architecture} {quantization} {size}",
        build=build,
        processor=processor,
        model=f"{architecture} {quantization}, {size / 1e6:,.0f} MB",
    )


def fingerprint_of_file(path: Path, kind_of_file: tuple[str, str]) -> Fingerprint:
    """For a model's file; an empty kind is read from its header."""
    architecture, quantization = kind_of_file
    if not architecture:
        from quoth.gguf import read_header  # 11 ms

        try:
            header = read_header(path, tensors=False)
            architecture, quantization = header.architecture, header.quantization
        except ModelError:  # to load it says more
            architecture = "unknown"
    size = sum(part.stat().st_size for part in {*parts_of(path)} if part.exists())
    return fingerprint(architecture, quantization, size)


def processor_name() -> str:
    """What the processor calls itself."""
    return _cpuinfo("model name") or os.environ.get("PROCESSOR_IDENTIFIER", "") or os.uname().machine


def processor_features() -> frozenset[str]:
    """What this processor can do, by the kernel's names; empty where it does not say."""
    return frozenset((_cpuinfo("flags") or _cpuinfo("Features")).split())


def _cpuinfo(name: str) -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            text = file.read(_CPUINFO)
    except OSError:
        return ""
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""


def graphics() -> list[str]:
    """The PCI numbers of the graphics devices that the kernel knows, "10de:2684"."""
    found = []
    for device in sorted(Path("/sys/class/drm").glob("card[0-9]*/device")):
        try:
            numbers = ((device / name).read_text().strip().removeprefix("0x") for name in ("vendor", "device"))
            found.append(":".join(numbers))
        except OSError:
            continue
    return found


def _driver() -> str:
    """The version of the graphics driver; that of the kernel where the driver is part of it."""
    try:
        return Path("/proc/driver/nvidia/version").read_text("utf-8", "replace").partition("\n")[0]
    except OSError:
        return "" if sys.platform == "win32" else os.uname().release
