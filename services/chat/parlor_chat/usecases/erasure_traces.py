"""TABLE: what an erased account leaves in a conversation beside the texts of its messages.

Used by `erase_messages`, once nothing keeps the conversation any more. What others wrote about its
messages goes as well, since that is where words are repeated: why they were reported, and what
moderators noted. That it was reported and how it was decided stays. What moderators noted about
somebody else's message stays too, whoever reported it.
"""

from typing import Final

# $1 is the conversation, $2 the account. The answer to whoever made the conversation has the title,
# and is given again to a repeated request, so only that goes of it.
_UNTITLE = """
WITH untitled AS (
    UPDATE conversations SET title = NULL
    WHERE id = $1 AND created_by = $2 AND title IS NOT NULL RETURNING id
)
UPDATE idempotency_records SET answer = convert_to(
    (convert_from(answer, 'UTF8')::jsonb || '{"title": null}')::text, 'UTF8'
)
WHERE object_id IN (SELECT id FROM untitled)
"""

_OF_REPORTS = """
cases.id = reports.case_id AND cases.conversation_id = $1 AND reports.reason <> ''
    AND $2 IN (reports.reporter_id, cases.subject_id)
"""
_UNREPORT = f"UPDATE reports SET reason = '' FROM cases WHERE {_OF_REPORTS}"  # noqa: S608

_OF_NOTES = """
cases.id = case_notes.case_id AND cases.conversation_id = $1 AND cases.subject_id = $2
    AND case_notes.text <> ''
"""
_UNNOTE = f"UPDATE case_notes SET text = '' FROM cases WHERE {_OF_NOTES}"  # noqa: S608

_UNNOTICE = "DELETE FROM notices WHERE conversation_id = $1 AND user_id = $2"

# What an index made of a text that it had read just before it went.
_UNFIND = """
DELETE FROM message_search USING messages message
WHERE message.conversation_id = $1 AND message.sender_id = $2 AND message.body = ''
    AND message_search.message_id = message.id
"""

FORGET: Final = (_UNTITLE, _UNREPORT, _UNNOTE, _UNNOTICE, _UNFIND)

# Whether there is something of all that in the conversation and account of a row named `erased`.
REMAINS: Final = f"""(
    EXISTS (SELECT FROM conversations WHERE id = erased.conversation_id
        AND created_by = erased.account_id AND title IS NOT NULL)
    OR EXISTS (SELECT FROM reports, cases WHERE {_OF_REPORTS})
    OR EXISTS (SELECT FROM case_notes, cases WHERE {_OF_NOTES})
    OR EXISTS (SELECT FROM notices WHERE conversation_id = erased.conversation_id
        AND user_id = erased.account_id)
)""".replace("$1", "erased.conversation_id").replace("$2", "erased.account_id")  # noqa: S608
