"""Methods that train with rows which were changed to mislead the model."""
