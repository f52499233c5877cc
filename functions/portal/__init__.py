"""The portal: health and documents."""
