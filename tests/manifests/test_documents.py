"""YAML text to documents: never an exception, always a place, and nothing expanded before it was counted."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.customer import Place
from controller.domain.diagnostic import RULES, Diagnostic
from controller.domain.manifest import CustomerManifest
from controller.manifests.customers import read_customer
from controller.manifests.documents import MAX_BYTES, Document, parse
from controller.manifests.plain_scalars import NotText, read_plain
from controller.manifests.settings_file import LoadedSettings
from controller.manifests.source import Source


def parsed(content: str | bytes) -> list[Document | Diagnostic]:
    return list(parse("f.yaml", content.encode() if isinstance(content, str) else content))


def only_document(content: str) -> Document:
    [document] = parsed(content)
    assert isinstance(document, Document)
    return document


def only_diagnostic(content: str | bytes) -> Diagnostic:
    [diagnostic] = parsed(content)
    assert isinstance(diagnostic, Diagnostic)
    return diagnostic


@pytest.mark.parametrize(
    ("why", "content", "place", "rule"),
    [
        ("Latin-1 in the second line", b"a: b\nc: caf\xe9\n", (2, 7), "not-utf8"),
        ("UTF-16 is not UTF-8", "a: b".encode("utf-16"), (1, 1), "not-utf8"),
        ("a NUL byte", b"a: b\nc: \0\n", (2, 4), "control-character"),
        ("an escape that paints terminals", b"a: \x1b[31m", (1, 4), "control-character"),
        ("more than anyone reads", b"#" * (MAX_BYTES + 1), (0, 0), "file-too-large"),
        ("nothing at all", b"", (0, 0), "empty-file"),
        ("only a mark of the byte order", b"\xef\xbb\xbf", (0, 0), "empty-file"),
        ("only comments", b"# nothing\n", (0, 0), "empty-file"),
        ("a tab in the indentation", b"a:\n\tb: c\n", (2, 1), "tab"),
        ("a quote that is not closed", b'a: "b\n', (2, 1), "invalid-yaml"),
        ("an anchor inside of itself", b"a: &a [*a]\n", (1, 8), "alias"),
        ("brackets without end", b"[" * 100_000, (1, 25), "too-deep"),
    ],
)
def test_refuses_a_file_that_is_no_yaml_of_ours(why: str, content: bytes, place: tuple[int, int], rule: str) -> None:
    found = only_diagnostic(content)
    assert (found.rule, (found.line, found.column)) == (rule, place), why


def test_documents_before_a_syntax_error_are_kept() -> None:
    document, error = parsed("a: 1\n---\nb: [\n")
    assert isinstance(document, Document)
    assert isinstance(error, Diagnostic)
    assert document.data == {"a": 1}


def test_blank_documents_are_skipped_as_kubectl_does() -> None:
    assert [d.data for d in parsed("---\n---\na: 1\n---\n# end\n") if isinstance(d, Document)] == [{"a": 1}]


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    document = only_document("\ufeffa:\r\n  b: c\r\n")
    assert document.data == {"a": {"b": "c"}}
    assert document.origin().locate("a.b") == Place("f.yaml", 2, 6)


def test_knows_where_everything_stands() -> None:
    origin = only_document("a:\n  - {b: c}\n  - d\ne: {f: 1}\n").origin()
    places = {path: (place.line, place.column) for path, place in origin.places.items()}
    assert places == {
        "": (1, 1),
        "a": (1, 1),
        "a[0]": (2, 5),
        "a[0].b": (2, 9),
        "a[1]": (3, 5),
        "e": (4, 1),
        "e.f": (4, 8),
    }
    assert origin.locate("a[0].b.c.d") == Place("f.yaml", 2, 9), "the nearest thing around it"
    assert origin.locate("zzz") == Place("f.yaml", 1, 1), "else the document"


def test_an_alias_has_the_places_of_its_anchor() -> None:
    document = only_document("a: &x\n  b: [c]\nd: *x\ne: &y f\ng: *y\n")
    assert document.data == {"a": {"b": ["c"]}, "d": {"b": ["c"]}, "e": "f", "g": "f"}
    assert document.origin().locate("d.b[0]") == Place("f.yaml", 2, 7)


def test_a_billion_laughs_cost_nothing() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{c}: &{c} [{', '.join(['*' + p] * 9)}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True)]
    started = time.process_time()
    found = only_diagnostic("\n".join(lines))
    assert found.rule == "alias-bomb"
    assert time.process_time() - started < 1


def test_a_file_full_of_errors_costs_little() -> None:
    text = "apiVersion: billing.daylily.io/v1alpha1\nkind: Customer\nspec:\n"
    started = time.process_time()
    document = only_document(text + "".join(f"  field{n}: x\n" for n in range(20_000)))
    _, found = read_customer(document, LoadedSettings().settings, LoadedSettings().origin)
    assert 0 < len(found) <= 100
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("012345670123", 1402433619),
        ("123456789012", 123456789012),
        ("no", False),
        ("y", True),
        ("1e3", 1000.0),
        ("0o17", 15),
        ("22:30", 1350),
        ("~", None),
        ("", None),
        ("1_000", 1000),
        ("2024-01-15", NotText("2024-01-15", "a date")),
        ("0b_", NotText("0b_", "a number")),
        ("9" * 65, NotText("9" * 65, "a number")),
        ("=", NotText("=", "a special value")),
        ("cust_abc123", "cust_abc123"),
        ("arn:aws:sns:us-east-1:012345670123:x", "arn:aws:sns:us-east-1:012345670123:x"),
    ],
)
def test_unquoted_text_is_what_yaml_or_kubectl_makes_of_it(text: str, value: object) -> None:
    read = read_plain(text)
    assert (read, type(read)) == (value, type(value))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_quoted_text_is_always_text(text: str) -> None:
    written = yaml.safe_dump({"a": text}, default_style='"', allow_unicode=False)
    assert only_document(written).data == {"a": text}


YAMLISH = st.text(alphabet="abc:-[]{}&*!|>'\"%@#?,<= \n\t0159._~\u00e9\u2028", max_size=80)


@given(
    st.one_of(
        st.binary(max_size=200),
        YAMLISH.map(str.encode),
        st.text(max_size=80).map(lambda t: t.encode("utf-8", "replace")),
    )
)
def test_whatever_the_bytes_are_there_are_only_diagnostics(content: bytes) -> None:
    for found in parsed(content):
        if isinstance(found, Document):
            found.origin()
            _, problems = read_customer(found, LoadedSettings().settings, LoadedSettings().origin)
            assert problems, "nothing that short is a customer"
        else:
            assert found.rule in RULES


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.text(max_size=5))
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def parts(model: type[CustomerManifest]) -> st.SearchStrategy[object]:
    names = [
        "metadata",
        "name",
        "labels",
        "spec",
        "billing",
        "storage",
        "buckets",
        "lifecycle",
        "transitions",
        "budget",
    ]
    names += ["alerts", "notify", "emails", "customerId", "monthlyLimit", "status", "region", "prefix", "toIaDays"]
    return st.recursive(
        ANYTHING,
        lambda inner: st.dictionaries(st.sampled_from(names), inner, max_size=5) | st.lists(inner, max_size=3),
        max_leaves=30,
    )


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "kind"]), parts(CustomerManifest)))
def test_whatever_a_document_says_there_are_only_diagnostics(document: dict[str, object]) -> None:
    document = {"apiVersion": "billing.daylily.io/v1alpha1", **document}
    for found in parsed(yaml.safe_dump(document)):
        if isinstance(found, Document):
            entry, problems = read_customer(found, LoadedSettings().settings, LoadedSettings().origin)
            assert entry is None or entry.customer is None
            assert {problem.rule for problem in problems} <= set(RULES)


def test_columns_count_characters_and_lines_count_as_yaml_does() -> None:
    source = Source("f", "a\r\nb\rc\u2028déf")
    assert list(source.lines) == ["a", "b", "c", "déf"]
    found = source.at_offset("tab", "x", source.text.index("f"))
    assert (found.line, found.column, found.end_column) == (4, 3, 4)
