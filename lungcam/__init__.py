"""lungcam: lung cancer in chest CT, explained by Grad-CAM heat-maps. Research use only."""

__version__ = "0.1.0"

RESEARCH_USE_ONLY = "Research use only: not a medical device, not for diagnosis."
