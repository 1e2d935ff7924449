"""The bank's OAuth2 authorization server, on authlib's."""
