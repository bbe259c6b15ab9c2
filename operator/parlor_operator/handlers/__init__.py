"""What Kopf calls. Nothing is decided here: each function hands over to a controller."""
