"""A bank for tests: Berlin Group XS2A, one bilateral interface, OAuth2, and the pages where a PSU consents.

It shares no code with the platform that it serves, except the one place where Google's clients are made.
"""
