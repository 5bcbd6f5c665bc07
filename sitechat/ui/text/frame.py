"""What is around every page: navigation, the sidebar, and what is said when nothing works; and the settings page."""

PRODUCT = "SiteChat"

# Navigation

CHAT = "Chat"
KNOWLEDGE = "Knowledge"
SETTINGS = "Settings"

# The engine did not open

NOT_RUNNING = "SiteChat could not start"
NOT_RUNNING_HELP = "Put this right, then reload the page."

# Sidebar

NEW_CHAT = "New chat"
SEARCH = "Search conversations"
NOTHING_FOUND = "No conversation has these words."
NO_CONVERSATIONS = "Your conversations will be listed here."
SHOW_MORE = "Show more"
CONVERSATION_MENU = "Rename, export or delete"
TITLE = "Title"
EXPORT = "Export as Markdown"
DELETE = "Delete"
UNDO = "Undo"


def deleted(title: str) -> str:
    return f"“{title}” was deleted."


# Settings

SETTINGS_INTRO = "What is in force. Settings are read from the environment and `.env` when SiteChat starts."
LANGUAGE_MODEL = "Language model"
SEARCH_MODEL = "Search model"
DATA_FOLDER = "Data folder"
VERSION = "Version"
TEST_MODEL = "Test the connection"
TESTING = "Asking the provider…"
SET_A_KEY = "Set an API key"
ALL_SETTINGS = "All settings"
SETTING, VALUE, MEANING = "Setting", "Value", "What it does"
NOT_SET = "not set"
SEARCH_STATES = {"loading": "loading", "ready": "ready", "failed": "failed"}
