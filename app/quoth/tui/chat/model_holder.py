"""The model that is in use, or on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from quoth.errors import QuothError
from quoth.library.model import Model

POLL_SECONDS = 0.05


class ModelHolder:
    """Holds one model. Loading happens in the thread that calls `load`; others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self.model: Model | None = None
        self._error: QuothError | None = None
        self._wanted = 0
        self._closed = False

    def load(self, load: Callable[[], Model]) -> Model | None:
        """Replace the model by what `load` returns; None if another was asked for meanwhile.

        Raises its QuothError.
        """
        with self._lock:
            self._wanted += 1
            mine = self._wanted
            old, self.model, self._error = self.model, None, None
            self._settled.clear()
        if old is not None:
            old.close()
        try:
            model = load()
        except QuothError as error:
            with self._lock:
                if mine == self._wanted:
                    self._error = error
                    self._settled.set()
            raise
        with self._lock:
            if mine == self._wanted and not self._closed:
                self.model = model
                self._settled.set()
                return model
        model.close()
        return None

    def wait(self, stopped: Callable[[], bool]) -> Model | None:
        """The model as soon as it is loaded; None when `stopped` said so first. Raises what loading raised."""
        while not self._settled.wait(POLL_SECONDS):
            if stopped() or self._closed:
                return None
        if self._error is not None:
            raise self._error
        return self.model

    def close(self) -> None:
        with self._lock:
            self._closed = True
            model, self.model = self.model, None
        if model is not None:
            model.close()
