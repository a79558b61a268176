"""Learning from a teacher: any scripted trader, imitated before anything is learned from rewards."""
