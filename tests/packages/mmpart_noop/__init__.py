"""Back-ends of every stage that do next to nothing: what is left is what orchestration costs.

They give the smallest arrays that the stages' checks accept, the same for every part.
"""
