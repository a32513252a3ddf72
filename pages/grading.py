"""How good are the stories?"""

import streamlit as st

st.title("How good are the stories?", anchor=False)
