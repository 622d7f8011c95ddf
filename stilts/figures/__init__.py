"""Figures for papers and boards, from the files in results/. matplotlib only, no pyplot; no torch."""
