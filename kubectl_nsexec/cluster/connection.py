"""One WebSocket of an exec or attach subresource, non-blocking in both directions.

The kubernetes client opens it (TLS, proxies, credentials); the frames are websocket-client's. Only
the loop is ours: the client's own reads a channel at a time and copies everything it has so far.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from kubectl_nsexec.cluster.answers import api_error, unreachable
from kubectl_nsexec.errors import ConnectionLostError

if TYPE_CHECKING:
    import socket

    from kubernetes.client import Configuration

V5_PROTOCOL = "v5.channel.k8s.io"
V4_PROTOCOL = "v4.channel.k8s.io"
_RECEIVE_BYTES = 256 * 1024


class Connection(Protocol):
    """Messages in, messages out, never blocking."""

    protocol: str
    """The subprotocol that the server chose: ``v5.channel.k8s.io`` can half-close stdin, v4 cannot."""
    closed: bool

    def fileno(self) -> int:
        """The descriptor to wait on."""
        ...

    def receive(self) -> list[bytes]:
        """The messages that have arrived. Raises ConnectionLostError when the link broke."""
        ...

    def send(self, payload: bytes) -> None:
        """Queues a binary message and writes what the link takes now."""
        ...

    def ping(self) -> None:
        """Queues a ping."""
        ...

    def flush(self) -> None:
        """Writes what the link takes now. Raises ConnectionLostError."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """What is queued."""
        ...

    def buffered(self) -> bool:
        """Whether bytes have been read from the descriptor already, so that waiting on it would be wrong."""
        ...

    def close(self) -> None:
        """Ends the link; never raises."""
        ...


class _NothingYet(Exception):  # noqa: N818 - a signal between the two classes below
    """More bytes are needed for a frame."""


class FrameReader:
    """WebSocket messages out of bytes that are fed in any cut (RFC 6455); does no I/O."""

    def __init__(self) -> None:
        from websocket._abnf import frame_buffer  # noqa: PLC0415 - see cluster.config.load

        self._bytes = bytearray()
        self._frames = frame_buffer(self._take, skip_utf8_validation=True)
        self._message = bytearray()

    def _take(self, count: int) -> bytes:
        if not self._bytes:
            raise _NothingYet
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """``(opcode, payload)`` of each message that ``data`` completes. Raises ConnectionLostError on nonsense."""
        from websocket import ABNF, WebSocketException  # noqa: PLC0415 - as above

        self._bytes += data
        messages: list[tuple[int, bytes]] = []
        while True:
            try:
                frame = self._frames.recv_frame()
            except _NothingYet:
                return messages
            except WebSocketException as error:
                raise ConnectionLostError(f"the server sent a broken WebSocket frame: {error}") from error
            if frame.opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT):
                if frame.fin and not self._message:
                    messages.append((ABNF.OPCODE_BINARY, bytes(frame.data)))
                    continue
                self._message += frame.data
                if frame.fin:
                    messages.append((ABNF.OPCODE_BINARY, bytes(self._message)))
                    self._message.clear()
            else:
                messages.append((frame.opcode, bytes(frame.data)))


class WebSocketConnection:
    """A Connection over a socket that is already upgraded."""

    def __init__(self, link: socket.socket | ssl.SSLSocket, protocol: str) -> None:
        link.setblocking(False)  # noqa: FBT003 - its name says what is set
        self._socket = link
        self._reader = FrameReader()
        self._out = bytearray()
        self.protocol = protocol
        self.closed = False

    def fileno(self) -> int:
        """See Connection."""
        return int(self._socket.fileno())

    @property
    def unsent_bytes(self) -> int:
        """See Connection."""
        return len(self._out)

    def buffered(self) -> bool:
        """See Connection."""
        pending = getattr(self._socket, "pending", None)
        return bool(pending and pending())

    def receive(self) -> list[bytes]:
        """See Connection."""
        from websocket import ABNF  # noqa: PLC0415 - as above

        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        except OSError as error:
            self.closed = True
            raise ConnectionLostError(f"the connection to the API server broke: {error}") from error
        if not data:
            self.closed = True
            return []
        payloads = []
        for opcode, payload in self._reader.feed(data):
            if opcode == ABNF.OPCODE_BINARY:
                payloads.append(payload)
            elif opcode == ABNF.OPCODE_PING:
                self._queue(payload, ABNF.OPCODE_PONG)
            elif opcode == ABNF.OPCODE_CLOSE:
                self.closed = True
        return payloads

    def _queue(self, payload: bytes, opcode: int) -> None:
        from websocket import ABNF  # noqa: PLC0415 - as above

        self._out += ABNF.create_frame(payload, opcode).format()
        self.flush()

    def send(self, payload: bytes) -> None:
        """See Connection."""
        from websocket import ABNF  # noqa: PLC0415 - as above

        self._queue(payload, ABNF.OPCODE_BINARY)

    def ping(self) -> None:
        """See Connection."""
        from websocket import ABNF  # noqa: PLC0415 - as above

        self._queue(b"", ABNF.OPCODE_PING)

    def flush(self) -> None:
        """See Connection."""
        while self._out and not self.closed:
            try:
                sent = self._socket.send(memoryview(self._out)[:_RECEIVE_BYTES].tobytes())
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self.closed = True
                raise ConnectionLostError(f"the connection to the API server broke: {error}") from error
            del self._out[:sent]

    def close(self) -> None:
        """See Connection."""
        from websocket import ABNF  # noqa: PLC0415 - as above

        if not self.closed:
            with suppress(ConnectionLostError):
                self._queue(b"\x03\xe8", ABNF.OPCODE_CLOSE)
        self.closed = True
        self._socket.close()


def connect(
    configuration: Configuration, url: str, headers: dict[str, str], timeout_seconds: float
) -> WebSocketConnection:
    """Opens ``url`` as a WebSocket. Raises ApiError with the server's own Status when it refuses."""
    import websocket  # noqa: PLC0415 - as above
    from kubernetes.stream import ws_client  # noqa: PLC0415 - as above

    wanted = {"sec-websocket-protocol": f"{V5_PROTOCOL},{V4_PROTOCOL}"}
    if "Authorization" in headers:
        wanted["authorization"] = headers["Authorization"]
    websocket.setdefaulttimeout(timeout_seconds)
    try:
        link = ws_client.create_websocket(configuration, ws_client.get_websocket_url(url, None), wanted)
    except websocket.WebSocketBadStatusException as error:
        raise api_error(error.status_code, error.resp_body) from error
    except (websocket.WebSocketException, OSError) as error:
        raise unreachable(str(configuration.host), error) from error
    return WebSocketConnection(link.sock, str(link.getsubprotocol() or ""))
