"""The training supernet as a problem: training, sampling, evaluation."""
