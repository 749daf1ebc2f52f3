"""The metrics of one object under one protocol, level by level."""
