"""RemoteMonitor: the epochs' logs, sent to a web server."""

from __future__ import annotations

import importlib
import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from aseq.callbacks._callback import Callback
from aseq.callbacks._files import FILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientSession

__all__ = ["RemoteMonitor"]


class RemoteMonitor(Callback):
    """Posts `{"epoch": ..., **logs}` to a server after every epoch.

    A server that cannot be reached, refuses or is slow is a warning, never an error.

    Args:
        root: Of the server's URLs.
        path: Appended to it.
        field: Name of the form field that holds the JSON text.
        headers: HTTP headers.
        send_as_json: Send the JSON itself, not a form.
        timeout: Seconds to wait for the server.

    Examples:
        >>> RemoteMonitor("http://localhost:9000/", send_as_json=True).url
        'http://localhost:9000/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
        *,
        timeout: float = 10.0,
    ) -> None:
        self.url = root.rstrip("/") + "/" + path.lstrip("/")
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json
        self.timeout = timeout
        self._session: ClientSession | None = None

    async def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the session."""
        aiohttp = await FILES.run(importlib.import_module, "aiohttp")  # takes a while the first time
        await self._close()
        self._session = aiohttp.ClientSession(
            headers=self.headers, timeout=aiohttp.ClientTimeout(total=self.timeout), json_serialize=_json
        )

    async def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Send the epoch's logs, if the epoch came to its end."""
        import aiohttp

        if self._session is None or self.failure is not None:
            return
        message = {"epoch": epoch, **(logs or {})}
        body: dict[str, Any] = {"data": {self.field: _json(message)}}
        if self.send_as_json:
            body = {"json": message}
        try:
            async with self._session.post(self.url, **body) as response:
                problem = f"it answered {response.status}" if response.status >= 400 else None
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        if problem:
            warnings.warn(
                f"RemoteMonitor: could not send epoch {epoch + 1} to {self.url}: {problem}.", stacklevel=2
            )

    async def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the session."""
        await self._close()

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _json(message: Any) -> str:
    return json.dumps(message, default=_plain)


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's; in words what JSON does not know."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else str(value)
