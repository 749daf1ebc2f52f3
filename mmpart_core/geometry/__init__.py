"""Cameras, transforms, surfaces and rendering: pure functions on arrays."""
