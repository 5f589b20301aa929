"""GGUF files for tests: sound ones without weights, and the parts to make unsound ones of."""

import struct

PLAIN = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "llama.context_length": 256,
}


def text(value, length=None):
    raw = value.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def value(name, what):
    if isinstance(what, str):
        return text(name) + struct.pack("<I", 8) + text(what)
    if isinstance(what, list):
        items = b"".join(text(each) for each in what)
        return text(name) + struct.pack("<IIQ", 9, 8, len(what)) + items
    return text(name) + struct.pack("<II", 4, what)


def tensor(name="w", offset=0, dimensions=(4,)):
    sizes = struct.pack(f"<{len(dimensions)}Q", *dimensions)
    return text(name) + struct.pack("<I", len(dimensions)) + sizes + struct.pack("<IQ", 0, offset)


WEIGHTS = (tensor(),)


def gguf(values=PLAIN, tensors=WEIGHTS, version=3, magic=b"GGUF", counts=None, data=b"\0" * 64):
    tensors_said, keys_said = counts or (len(tensors), len(values))
    head = magic + struct.pack("<IQQ", version, tensors_said, keys_said)
    return head + b"".join(value(*each) for each in values.items()) + b"".join(tensors) + data
