"""No look of an admin or a moderator goes without an audit record."""

from parlor_chat.routes import PUBLIC

# Their use cases write records of their own, with more to say than who asked for what.
TELL_THEMSELVES = {
    "review_conversation",
    "search_messages",
    "read_case",
    "search_audit_log",
    "export_audit_log",
    "download_export",
}
# Public keys are nobody's secret.
NOT_WORTH_IT = {"list_evidence_keys"}


def test_every_admin_route_that_only_reads_is_recorded() -> None:
    looks = {
        route.operation: route.function
        for route in PUBLIC.http
        if route.method == "GET" and route.path.startswith("/api/v1/admin/")
    }
    bare = {name for name, function in looks.items() if not hasattr(function, "__wrapped__")}
    assert bare == TELL_THEMSELVES | NOT_WORTH_IT
