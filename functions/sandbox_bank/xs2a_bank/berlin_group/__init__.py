"""NextGenPSD2 XS2A Framework 1.3.12: consents and account information."""
