"""What macOS says about itself: sysctlbyname(3)."""

from __future__ import annotations

import ctypes


def sysctl(name: str) -> int:
    """An integer of the kernel; 0 where there is none of that name."""
    value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)  # a smaller one fills the lower bytes
    failed = ctypes.CDLL(None).sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    return 0 if failed else value.value
