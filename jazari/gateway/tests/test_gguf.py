"""Headers of models: what is read, and that no header can do more than be refused."""

import io
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.embedded.errors import NotAModel
from jazari.gateway.embedded.gguf import read_header
from jazari.gateway.tests.gguf_files import PLAIN, gguf, tensor, text


def read(raw):
    return read_header(io.BytesIO(raw), len(raw))


def test_what_a_model_says_of_itself():
    header = read(gguf({**PLAIN, "tokenizer.ggml.tokens": ["a", "ⴰ", "ع"], "llama.pooling_type": 1}))
    assert (header.architecture, header.context_tokens, header.pools, header.version) == ("llama", 256, True, 3)
    assert header.text("general.license") == "apache-2.0"
    assert "tokenizer.ggml.tokens" not in header.values


def test_texts_for_people_are_printable_and_short():
    header = read(gguf({**PLAIN, "general.name": "\x1b[31mred\n" + "x" * 5000}))
    assert header.text("general.name").startswith("[31mred")
    assert len(header.text("general.name")) <= 200


def test_what_it_does_not_say_is_empty():
    header = read(gguf({"general.architecture": "bert", "general.name": 7}))
    assert (header.context_tokens, header.pools, header.text("general.name")) == (0, False, "")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "ends within its header"),
        (b"PK\x03\x04 and more", "no GGUF"),
        (gguf(magic=b"GGML"), "no GGUF"),
        (gguf(version=1), "version 1"),
        (gguf(version=0x03000000), "version"),
        (gguf(counts=(1, 1 << 40)), "properties, which no model has"),
        (gguf(counts=(1 << 40, 4)), "tensors"),
        (gguf(tensors=()), "0 tensors"),
        (gguf({}, counts=(1, 1)), "0 dimensions"),
        (gguf(tensors=(tensor(offset=1 << 40),)), "ends before its last tensor"),
        (gguf(data=b""), "ends before its last tensor"),
        (gguf(tensors=(tensor(dimensions=(1, 1, 1, 1, 1)),)), "5 dimensions"),
        (gguf({"general.name": "nameless"}), "does not say its architecture"),
        (gguf()[:-80], "ends"),
    ],
)
def test_unsound_files(raw, sentence):
    with pytest.raises(NotAModel, match=sentence):
        read(raw)


def one_value(kind_and_content):
    return b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("k") + kind_and_content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (struct.pack("<IQ", 8, 1 << 62), "claims"),
        (struct.pack("<IIQ", 9, 8, 1 << 62), "claims"),
        (struct.pack("<IIQ", 9, 9, 1), "entries of the type 9"),
        (struct.pack("<IIQ", 9, 10, 2_000_000), "ends within"),
        (struct.pack("<I", 99), "type 99"),
    ],
)
def test_lengths_that_lie_allocate_nothing(content, sentence):
    tracemalloc.start()
    try:
        with pytest.raises(NotAModel, match=sentence):
            read(one_value(content))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_model_or_refused(raw):
    for start in (b"", b"GGUF\x03\0\0\0", b"GGUF\x03\0\0\0" + struct.pack("<QQ", 1, 1)):
        with pytest.raises(NotAModel):
            read(start + raw)


@given(st.integers(0, len(gguf()) - 65), st.integers(0, 255))
def test_one_changed_byte_is_a_model_or_refused(place, byte):
    raw = bytearray(gguf())
    raw[place] = byte
    try:
        assert read(bytes(raw)).architecture
    except NotAModel as error:
        assert str(error)  # noqa: PT017  either is right
