"""What mlpredict is compared with: each a script of its own, as somebody would write it."""
