"""SiteChat answers questions from your own documents and proves every sentence with its source."""

__version__ = "0.1.0"
