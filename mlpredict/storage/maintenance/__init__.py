"""What is done with a database as a whole: status, dump, restore, upgrade, destroy."""
