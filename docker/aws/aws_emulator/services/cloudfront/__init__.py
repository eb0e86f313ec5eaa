"""CloudFront: moto's control API with what key rotation needs, and an edge that verifies signed URLs."""
