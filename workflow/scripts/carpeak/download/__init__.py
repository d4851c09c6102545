"""Files that a study fetches from the network, a mirror or an archive."""
