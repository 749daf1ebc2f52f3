"""``mmpart studio``: a local web app on the flows and the store that the command line uses."""
