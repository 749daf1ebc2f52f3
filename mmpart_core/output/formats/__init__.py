"""An object's GLB in the formats of other programs, with its parts' names."""
