"""What bench/small.py is made of: tables and their parts, the peers, p2m's own builds, and the report."""
