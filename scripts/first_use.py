"""Uses once what every start uses: proves that the installation works, and leaves Python's compiled files behind.

Compiling everything that is installed would take minutes; compiling what is used takes seconds.
"""

import asyncio
import importlib

from vectorstore.embeddings.local import PACKAGED, LocalEmbedder

USED = (
    "streamlit.web.cli",
    "streamlit.testing.v1",
    "pandas",
    "pyarrow",
    "openai",
    "boto3",
    "faiss",
    "tantivy",
    "trafilatura",
    "pypdf",
    "docx",
    "pptx",
    "openpyxl",
    "sitechat.cli",
    "streamlit_app",
)


async def load_search_model() -> None:
    embedder = LocalEmbedder(PACKAGED)
    await embedder.load()
    await embedder.embed(["A sentence."], "passage")
    await embedder.close()


if __name__ == "__main__":
    for module in USED:
        importlib.import_module(module)
    asyncio.run(load_search_model())
