"""What benchmarks are built of; ``make bench`` runs the scripts beside this folder only."""
