"""Behavior cloning: pretraining on the demonstrations of a scripted trader, before learning from rewards."""
