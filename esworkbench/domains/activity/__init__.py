"""Who logged in, bought and recommended, from where: four aggregates that one read model joins.

- `aggregates`: session, profile, purchase, referral
- `commands`: what users do
- `activity`: the write side, put together
- `contracts`: what is published of it
- `read_models/`: the join
"""
