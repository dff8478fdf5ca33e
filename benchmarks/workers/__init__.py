"""One process a peer: each answers requests on its standard input until that is closed."""
