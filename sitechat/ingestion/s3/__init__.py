"""Buckets of Amazon S3, or of whatever speaks its protocol, as sources of documents."""
