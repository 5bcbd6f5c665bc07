"""The chat that Streamlit's tutorials teach: history in the session, tokens straight into `st.write_stream`."""

import os

import streamlit as st
from openai import OpenAI

st.title("Chat")
client = OpenAI()
messages = st.session_state.setdefault("messages", [])

for message in messages:
    with st.chat_message(message["role"]):
        st.markdown(message["content"])

if prompt := st.chat_input("Ask a question"):
    messages.append({"role": "user", "content": prompt})
    with st.chat_message("user"):
        st.markdown(prompt)
    with st.chat_message("assistant"):
        stream = client.chat.completions.create(model=os.environ["MODEL"], messages=messages, stream=True)
        messages.append({"role": "assistant", "content": st.write_stream(stream)})
