"""From paths to sources to decoded samples; never TensorFlow."""
