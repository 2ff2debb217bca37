"""What adversarial methods share: where a change enters a network, and passes with it."""
