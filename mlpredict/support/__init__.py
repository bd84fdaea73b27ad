"""What any layer may use; it knows nothing of models, images or databases."""
