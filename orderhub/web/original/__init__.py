"""An original as a page shows it: EDIFACT and X12 one segment a line, other text by lines, a
bundle by its members, anything else as a hex dump.

Only for reading: nothing here decides whether a file is right. Bytes that cannot be decoded are shown as such. Of a big
file only what is about one message is shown, wherever in the file it stands.
"""

from orderhub.web.original.render import render
from orderhub.web.original.segments import MAX_SEGMENTS, segments
from orderhub.web.original.shown import MAX_LINES, Line, Original, Pointer

__all__ = ["MAX_LINES", "MAX_SEGMENTS", "Line", "Original", "Pointer", "render", "segments"]
