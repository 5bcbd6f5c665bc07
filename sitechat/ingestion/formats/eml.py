"""E-mails: the subject, who wrote to whom and when, the text, and the names of what is attached."""

from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from itertools import islice

from sitechat.ingestion.formats.base import Encrypted, Extracted, Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.damage import damage_means
from sitechat.ingestion.formats.html import write_page
from sitechat.ingestion.formats.text import title_from_name, write_text
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_DAMAGED = "It is damaged: it cannot be opened as an e-mail."
_NO_EMAIL = "It is named like an e-mail but is not one: it has no sender, date or subject."
_ENCRYPTED = "It is encrypted; save it without encryption and add it again."
_SHOWN = ("From", "To", "Cc", "Date")
_TELLING = ("from", "subject", "date", "received", "message-id")
# The parser of headers takes long for what no program writes.
_LONGEST_HEADER = 4000
_MOST_ATTACHMENTS = 100


class EmlExtractor:
    media_types = frozenset({"message/rfc822"})
    suffixes = frozenset({".eml"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        writer = TextWriter()
        with damage_means(_DAMAGED):
            message = message_from_bytes(data, policy=policy.default)
            _check(message)
            subject = _header(message, "Subject")
            writer.heading(1, subject)
            lines = [(shown, _header(message, shown)) for shown in _SHOWN]
            writer.paragraph("\n".join(f"{shown}: {value}" for shown, value in lines if value))
            _write_body(writer, message)
            writer.paragraph(_attachments(message))
        return writer.extracted(subject or title_from_name(name))


def _check(message: EmailMessage) -> None:
    names = {name.lower() for name in message}
    if names.isdisjoint(_TELLING):
        raise Unreadable(_NO_EMAIL)
    kind = message.get_content_type()
    signed = str(message.get_param("smime-type", "")).lower() == "signed-data"
    if kind == "multipart/encrypted" or (kind.endswith("/pkcs7-mime") and not signed):
        raise Encrypted(_ENCRYPTED)


def _header(message: EmailMessage, name: str) -> str:
    """A header on one line, decoded as far as it can be."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    raw = raw[:_LONGEST_HEADER]
    if not raw.isascii():
        # Bytes that no header may have, which are text all the same.
        raw = decode(raw.encode("utf-8", "surrogateescape"))
    try:
        return squeeze(str(policy.default.header_fetch_parse(name, raw)))
    except Exception:  # noqa: BLE001 (odd headers end in almost any exception within the parser)
        return squeeze(raw)


def _write_body(writer: TextWriter, message: EmailMessage) -> None:
    """The plain text if there is any, else the HTML."""
    part = message.get_body(("plain", "html"))
    text = _text_of(part)
    if part is not None and not text.strip() and part.get_content_subtype() == "plain":
        part = message.get_body(("html",))
        text = _text_of(part)
    if text.lstrip().startswith("-----BEGIN PGP MESSAGE-----"):
        raise Encrypted(_ENCRYPTED)
    if part is not None and part.get_content_subtype() == "html":
        write_page(writer, text)
    else:
        write_text(writer, text)


def _text_of(part: MIMEPart | None) -> str:
    payload = part.get_payload(decode=True) if part is not None else None
    return decode(payload, part.get_content_charset()) if part is not None and isinstance(payload, bytes) else ""


def _attachments(message: EmailMessage) -> str:
    parts = islice(message.iter_attachments(), _MOST_ATTACHMENTS)
    names = [name for name in (squeeze(part.get_filename() or "") for part in parts) if name]
    return f"Attachments: {', '.join(names)}" if names else ""
