"""The two search indexes and the embedding model, kept in step with the database."""
