"""Flows bound to runners, profiles and infrastructure."""
