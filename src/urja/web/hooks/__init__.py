"""Where services of others call: their messages are recorded and answered at once, and dealt with by the pipeline."""
