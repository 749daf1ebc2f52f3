"""Zero123++ (Shi et al., 2023): one image -> six views in one picture, from published weights."""
