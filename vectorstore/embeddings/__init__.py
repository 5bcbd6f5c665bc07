"""Embedding models behind one Protocol: in this process, at OpenAI or a compatible server, at Amazon Bedrock."""
