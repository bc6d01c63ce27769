"""What the training rows say before a model is fitted: enough, suspicious, or only telling the time."""
