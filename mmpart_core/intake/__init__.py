"""Reads what users give: images, component lists, plans, known scenes."""
