"""NextGenPSD2 XS2A Framework 1.3.x, the AIS part, with OAuth2 as SCA approach."""
