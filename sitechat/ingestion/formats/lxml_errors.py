"""How lxml says what is not a matter of the file."""

from lxml import etree


def ran_out_of_memory(error: Exception) -> bool:
    """Whether lxml failed for want of memory, which it reports as one of its syntax errors."""
    return isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY
