"""A target has one reading or none."""

import pytest
from parlor_sidecar.targets import TargetRefused, path_of


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a", b"/a"),
        (b"/a/b-c_d.e~f", b"/a/b-c_d.e~f"),
        (b"/a/...", b"/a/..."),
        (b"/a/.well-known", b"/a/.well-known"),
        (b"/a/!$&'()*+,=:@", b"/a/!$&'()*+,=:@"),
        (b"/a/%20", b"/a/%20"),
        (b"/a/%C3%A9", b"/a/%C3%A9"),
        (b"/a?", b"/a"),
        (b"/a?x=/../y&z=%2e%2f", b"/a"),
        (b"/a?x=http://b/?c", b"/a"),
    ],
)
def test_a_canonical_target_gives_its_path(target: bytes, path: bytes) -> None:
    assert path_of(target) == path


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (b"", "target_form"),
        (b"a", "target_form"),
        (b"*", "target_form"),
        (b"http://a/b", "target_form"),
        (b"/", "empty_segment"),
        (b"/a/", "empty_segment"),
        (b"//a", "empty_segment"),
        (b"/a//b", "empty_segment"),
        (b"/.", "dot_segment"),
        (b"/a/..", "dot_segment"),
        (b"/a/../b", "dot_segment"),
        (b"/a/./b", "dot_segment"),
        (b"/a/%20/../b", "dot_segment"),
        (b"/a/%2E", "percent_encoding"),
        (b"/a/%41", "percent_encoding"),
        (b"/a/%C3", "percent_encoding"),
        (b"/a/%C0%AE", "percent_encoding"),
        (b"/a/%ED%A0%80", "percent_encoding"),
        (b"/a/%2e", "path_bytes"),
        (b"/a/%c3%a9", "path_bytes"),
        (b"/a/%", "path_bytes"),
        (b"/a/b c", "path_bytes"),
        (b"/a/b\\c", "path_bytes"),
        (b"/a/\xc3\xa9", "path_bytes"),
        (b"/a;b", "path_bytes"),
        (b"/a#b", "path_bytes"),
        (b"/a/%2F", "encoded_separator"),
        (b"/a/%5C", "encoded_separator"),
        (b"/a/%25", "encoded_separator"),
        (b"/a/%00", "encoded_separator"),
        (b"/a/%0D", "encoded_separator"),
        (b"/a/%7F", "encoded_separator"),
        (b"/a?b#c", "query"),
        (b"/a?%", "query"),
        (b"/a?%00", "query"),
        (b'/a?"', "query"),
    ],
)
def test_any_other_target_is_refused_with_its_reason(target: bytes, reason: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        path_of(target)
    assert refused.value.reason == reason
