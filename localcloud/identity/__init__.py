"""Who is who on this machine: the platform's services, and people who sign in."""

ISSUER_PATH = "/users"
"""Below the identity server's address: the issuer of people's tokens, apart from the services' own."""
