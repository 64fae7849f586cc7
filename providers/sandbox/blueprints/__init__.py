"""Bodies of generated objects, a file per family: each function makes one object of its list, as a GET by id would show it.

A body holds what is set; properties of its type that it lacks are answered as null.
"""
