"""Augmentations: training rows changed in each batch, as if there were more of them."""
