"""The commands lungcam-train and lungcam-infer; a checkout's train.py and infer.py are the same."""
