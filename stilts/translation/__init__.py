"""`stilts translate`: a task's English training set, machine-translated into other languages."""
