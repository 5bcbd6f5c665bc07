"""The channels that the settings ask for."""

from sitechat.ingestion.addresses import AddressRules
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.notify.email import Email, MailServer
from sitechat.ingestion.notify.outbox import Channel
from sitechat.ingestion.notify.webhook import Webhook
from sitechat.settings import Settings

_DEADLINE = 20.0


def channels(settings: Settings, rules: AddressRules) -> tuple[dict[str, Channel], Fetcher | None]:
    """By name, with the door that they use, if any; to be closed by the caller."""
    made: dict[str, Channel] = {}
    fetcher = None
    if settings.notify_webhook is not None:
        # A door of its own: a receiver that hangs takes no connection from the pages that are read.
        fetcher = Fetcher(rules, deadline=_DEADLINE)
        secret = settings.notify_webhook_secret
        made["webhook"] = Webhook(fetcher, str(settings.notify_webhook), secret.get_secret_value() if secret else None)
    recipients = [address.strip() for address in settings.notify_email_to.split(",") if address.strip()]
    if recipients and settings.notify_smtp_host:
        password = settings.notify_smtp_password
        server = MailServer(
            settings.notify_smtp_host,
            settings.notify_smtp_port,
            settings.notify_smtp_security,
            settings.notify_smtp_username,
            password.get_secret_value() if password else None,
        )
        made["email"] = Email(server, settings.notify_email_from or recipients[0], recipients)
    return made, fetcher
