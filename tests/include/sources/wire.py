"""Answers as they stand on the wire, for the hostile server."""

from __future__ import annotations

import json


def answer(status="200 OK", body=b"", **headers):
    lines = {"content_length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n".encode() + body


def as_json(value):
    return answer(body=json.dumps(value).encode(), content_type="application/json")


def redirect(location):
    return answer("302 Found", location=location)


def cut(body, after, **headers):
    """An answer that promises ``body`` and breaks off after ``after`` bytes."""
    return answer(body=body, **headers)[: len(answer(body=body, **headers)) - len(body) + after]


def rest_of(body, **headers):
    """Answer a Range request as a good server does."""

    def serve(sock, asked):
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        span = f"bytes {start}-{len(body) - 1}/{len(body)}"
        sock.sendall(answer("206 Partial Content", body[start:], content_range=span, **headers))

    return serve
