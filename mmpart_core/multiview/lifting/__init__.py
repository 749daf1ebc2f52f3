"""Lifting one image of a part to a closed surface, without a learned model."""
