"""From a question to a cited answer, one file per step. A step reads and fills a TurnState and yields events."""
