"""What `make docs` makes: the parts of documents that the code determines, and the diagrams. The picture of a session
is a command of its own, because it needs the local engine."""
