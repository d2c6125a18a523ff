"""The engine that is in use, or on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable

from quoth.engine import Engine
from quoth.errors import QuothError

POLL_SECONDS = 0.05


class EngineHolder:
    """Holds one engine. Loading happens in the thread that calls `load`; others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._engine: Engine | None = None
        self._error: QuothError | None = None
        self._wanted = 0
        self._closed = False

    @property
    def engine(self) -> Engine | None:
        return self._engine

    def load(self, start: Callable[[], Engine]) -> Engine | None:
        """Replace the engine by what `start` returns; None if another was asked for meanwhile.

        Raises its QuothError.
        """
        with self._lock:
            self._wanted += 1
            mine = self._wanted
            old, self._engine, self._error = self._engine, None, None
            self._settled.clear()
        if old is not None:
            old.close()
        try:
            engine = start()
        except QuothError as error:
            with self._lock:
                if mine == self._wanted:
                    self._error = error
                    self._settled.set()
            raise
        with self._lock:
            if mine == self._wanted and not self._closed:
                self._engine = engine
                self._settled.set()
                return engine
        engine.close()
        return None

    def wait(self, stopped: Callable[[], bool]) -> Engine | None:
        """The engine as soon as it is loaded; None when `stopped` said so first. Raises what loading raised."""
        while not self._settled.wait(POLL_SECONDS):
            if stopped() or self._closed:
                return None
        if self._error is not None:
            raise self._error
        return self._engine

    def close(self) -> None:
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
