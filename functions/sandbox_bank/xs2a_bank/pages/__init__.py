"""Where the PSU signs in, proves it with a one-time code, and decides. Plain HTML forms, no script."""
