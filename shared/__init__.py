"""What every function is built from: the domain, the use cases, and the adapters at their edges."""
