"""HTTP routes of SiteChat, in the same process as the page."""
