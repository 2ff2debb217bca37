"""What augmentations of one kind of inputs share."""
