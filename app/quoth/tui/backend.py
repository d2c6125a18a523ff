"""What the app needs of the world, as it is handed in: models, history, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from quoth.config import Settings
    from quoth.engine import Engine, ModelInfo, Sampling
    from quoth.history import History
    from quoth.models import ModelFile
    from quoth.models.offered_models import Choice
    from quoth.models.pull_progress import PullProgress
    from quoth.tasks.summaries.part_notes import NotesCache


class Models(Protocol):
    """The models of this machine. Every call may block, and raise QuothError: threads make them."""

    def chosen(self) -> ModelFile | None:
        """The model that settings or the store name; None while there is none."""
        ...

    def resolve(self, name: str) -> ModelFile:
        """The model that a name or a path means."""
        ...

    def choices(self) -> Sequence[Choice]:
        """What can be chosen, the best first."""
        ...

    def remember(self, model: ModelFile) -> ModelFile:
        """Make a model the default."""
        ...

    def pull(self, spec: str, progress: Callable[[PullProgress], None]) -> ModelFile:
        """Fetch and install one."""
        ...

    def fit(self, choice: Choice) -> str:
        """Whether it fits this machine: "needs 1.1 GB, 5.8 GB of memory are free: it fits"."""
        ...

    def start(self, file: ModelFile, progress: Callable[[float], None], tell: Callable[[str], None]) -> Engine:
        """Load it; progress goes from 0.0 to 1.0. `tell` gets a sentence when a way of computing does not work here."""
        ...

    def sampling(self, info: ModelInfo) -> Sampling:
        """How its next token is chosen."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """The effects of the app."""

    settings: Settings
    history: History
    models: Models
    read_file: Callable[[str], tuple[str, str]]  # its text and a notice; raises InputError
    state: Path  # a folder for small files of the app's own
    environ: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)  # binding id: keys, from the config file
    private: bool = False
    notes: NotesCache | None = None  # what was written about passages before
    document_limit: Callable[[], int] = lambda: 1024**3  # bytes of one
