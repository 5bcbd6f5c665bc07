FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements requirements
COPY scripts/install.py scripts/install.py
RUN python scripts/install.py --packages-only --venv /opt/venv

FROM python:3.11-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends tesseract-ocr && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home sitechat && install -d -o sitechat /data
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/models \
    SITECHAT_DATA_DIR=/data \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501
WORKDIR /app
COPY pyproject.toml README.md LICENSE streamlit_app.py ./
COPY .streamlit .streamlit
COPY providers providers
COPY vectorstore vectorstore
COPY sitechat sitechat
COPY docs docs
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
USER 10001
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['STREAMLIT_SERVER_PORT']}/healthz\", timeout=4)"]
CMD ["streamlit", "run", "streamlit_app.py"]
