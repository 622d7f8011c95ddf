"""`results/report.html`: what a study found, as one self-contained page; no torch."""
