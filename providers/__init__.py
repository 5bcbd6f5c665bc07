"""Language models behind one Protocol. Knows nothing of SiteChat: a question's passages come in as values."""
