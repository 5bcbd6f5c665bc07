"""SiteChat's front door: `streamlit run streamlit_app.py` serves the page and our own routes in one process."""

import streamlit as st

from sitechat.api.routes import routes
from sitechat.ui import engine, trouble

app = st.App(
    "sitechat/ui/app.py",
    routes=routes(engine.runtime, st.get_option("server.baseUrlPath")),
    lifespan=engine.lifespan,
    on_script_error=trouble.show,
)
