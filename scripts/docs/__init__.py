"""What `make docs` makes: the tables of docs/reference and the diagrams. Its picture is a command of its own."""
