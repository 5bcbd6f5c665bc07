"""Every text of the page, so that a translation is one folder.

Constants are Markdown of ours; functions take values and return plain text, which pages escape where Streamlit
reads Markdown. Pages read all of it from here, also what the command line says in the same words.
"""

from sitechat.ui.text.chat import *
from sitechat.ui.text.evaluation import *
from sitechat.ui.text.frame import *
from sitechat.ui.text.knowledge import *
from sitechat.ui.text.numbers import *
from sitechat.ui.text.sources import *
from sitechat.ui.text.trace import *
from sitechat.wording import *
