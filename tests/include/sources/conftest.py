from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = Callable[[socket.socket, "Asked"], None]


@dataclass
class Asked:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class HostileServer:
    """A web server that says exactly what a test tells it to say, byte by byte, one connection per answer."""

    port: int = 0
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, path: str, *answers: Answer | bytes) -> None:
        """Answer ``path`` with these, one after the other; the last one stays."""
        self.answers[path] = [
            answer if callable(answer) else (lambda sock, _, text=answer: sock.sendall(text)) for answer in answers
        ]

    def serve(self, sock: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            more = sock.recv(65536)
            if not more:
                return
            head += more
        line, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, _ = line.split()
        headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        asked = Asked(method, target, headers)
        self.asked.append(asked)
        answers = self.answers.get(target.partition("?")[0], [_nothing])
        (answers.pop(0) if len(answers) > 1 else answers[0])(sock, asked)


def _nothing(sock: socket.socket, _: Asked) -> None:
    sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hand every connection to ``serve``, one after the other, and give the port."""

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, suppress(OSError):
                sock.settimeout(10)
                serve(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    hostile = HostileServer()
    with listening(hostile.serve) as hostile.port:
        yield hostile


@pytest.fixture
def tls_server(certificate: Path, server: HostileServer) -> Iterator[HostileServer]:
    """The hostile server behind TLS, as media.archive.org; it notes the names that clients ask for in ``names``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: server.names.append(name)

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as wrapped:
            server.serve(wrapped)

    with listening(serve) as server.port:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of media.archive.org that signs itself; the path of the PEM file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "media.archive.org")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.archive.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "media.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


class Clock:
    """A clock that moves when somebody sleeps, and by ``tick`` whenever it is read."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.tick = 0.0
        self.slept: list[float] = []

    def read(self) -> float:
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()
