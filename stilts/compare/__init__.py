"""Two results side by side: studies, and rows that others published."""
