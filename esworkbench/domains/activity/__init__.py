"""Who logged in, bought and recommended, from where: four aggregates that one read model joins."""
