"""How good retrieval and answers are, measured on question sets through the real pipeline."""
