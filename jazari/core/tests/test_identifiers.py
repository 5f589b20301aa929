import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RESERVED, RecordRef, check_name, check_namespace

names = st.from_regex(r"[a-z]([a-z0-9]|-[a-z0-9]){1,19}", fullmatch=True)


@given(names.filter(lambda name: name not in RESERVED), names, names, st.integers(1, 999_999_999))
def test_a_record_reference_reads_back_as_itself(namespace, kind, name, version):
    ref = RecordRef(namespace, kind, name, version)
    assert RecordRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    ["", "fes", "fes/dataset/soil", "fes/dataset/soil@0", "fes/dataset/soil@01", "fes/dataset/soil@-1",
     "../x/soil@1", "fes/dataset/../soil@1", "fes/dataset/soil@1/extra", "root/dataset/soil@1",
     "fes//soil@1", "Fes/dataset/soil@1", "fes/dataset/soil@1\n", "fes/dataset/so il@1"],
)  # fmt: skip
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(BadIdentifier):
        RecordRef.parse(text)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_names_that_tuf_or_the_repository_use_cannot_be_namespaces(name):
    with pytest.raises(BadIdentifier):
        check_namespace(name)


@given(st.text(max_size=60))
def test_a_valid_name_is_safe_as_a_path_segment(text):
    try:
        check_name(text)
    except BadIdentifier:
        return
    assert text.isascii()
    assert not set(text) & set("/\\.:\n\0 ")


def test_the_previous_version_of_the_first_is_none():
    assert RecordRef("fes", "dataset", "soil", 1).previous() is None
    assert RecordRef("fes", "dataset", "soil", 2).previous() == RecordRef("fes", "dataset", "soil", 1)
