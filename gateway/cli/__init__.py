"""The command line: a face. argv in, text or JSON out."""
